import type { Host } from "../../host/host.ts";
import { readTextIfExists } from "../../host/files/files.ts";
import { sleep } from "../../base/wait.ts";
import { slotAddresses } from "../../network/policy/addresses.ts";
import { dnsmasqPaths } from "../../network/dns/dnsmasq.ts";
import { readDnsmasqLog } from "../../network/dns/dnsmasq_log.ts";
import { inspectorPaths } from "../../network/inspector/inspector.ts";
import { readInspectorLog } from "../../network/inspector/inspector_log.ts";
import { readProxyLog } from "../../network/proxy/log.ts";
import {
  type Refusal,
  refusalOfAddress,
  refusalsOfNames,
  type RefusedAddress,
} from "../../network/rules/refusals.ts";
import { readRefusedSets, watchRefusedSets } from "../../network/rules/refused_sets.ts";
import { hasTap, hasVsock, type VmRecord, type VsockRecord } from "../../state/record.ts";
import { defaultSlotPlace, type SlotPlace } from "../../state/slots.ts";
import { statePaths } from "../../state/store.ts";
import { requireRunning } from "../machine/machine.ts";
import { proxyPaths } from "./proxy_place.ts";

/**
 * What a machine's guest asked for and was refused, the oldest first. Addresses are remembered for
 * a day, names as long as the logs that keep them; what was asked several times is told once, with
 * its count.
 *
 * @throws {NixboxError} with exit code 3 if the machine is not running.
 */
export async function networkLog(
  host: Host,
  id: string,
  place: SlotPlace = defaultSlotPlace,
): Promise<readonly Refusal[]> {
  const record = await requireRunning(host, id);
  const addresses = hasTap(record)
    ? await readRefusedSets(host, slotAddresses(record.network.slot))
    : [];
  return await refusalsOf(host, record, addresses, place);
}

/** @param addresses What the firewall has refused. */
async function refusalsOf(
  host: Host,
  record: VmRecord,
  addresses: readonly RefusedAddress[],
  place: SlotPlace,
): Promise<Refusal[]> {
  if (hasVsock(record)) return await refusalsOfProxy(host, record);
  if (!hasTap(record)) return [];
  const { policy, address, slot } = record.network;
  const { directory, log } = dnsmasqPaths(place.directory, slot);
  const dns = readDnsmasqLog(await readWithOlder(log), Date.now(), address);
  const connections = readInspectorLog(await readWithOlder(inspectorPaths(directory).log));
  return [
    ...refusalsOfNames([...dns.refused, ...connections], policy),
    ...addresses.map((one) => refusalOfAddress(one, policy, dns.names.get(one.address) ?? [])),
  ].toSorted((a, b) => a.time - b.time);
}

/** Without a network card, only the proxy can refuse anything. */
async function refusalsOfProxy(host: Host, record: VsockRecord): Promise<Refusal[]> {
  const { log } = proxyPaths(record.runtimeDirectory, statePaths(host, record.id).logs);
  return readProxyLog(await readTextIfExists(log) ?? "").toSorted((a, b) => a.time - b.time);
}

/** A log that has been cut has its last part beside it (lib/network/watch.ts). */
async function readWithOlder(file: string): Promise<string> {
  return `${await readTextIfExists(`${file}.old`) ?? ""}${await readTextIfExists(file) ?? ""}`;
}

/**
 * The refusals there are, then each one that comes, until `signal` aborts or the machine ends. One
 * that comes again is told again, with its new count.
 */
export async function* followNetworkLog(
  host: Host,
  id: string,
  signal: AbortSignal,
  place: SlotPlace = defaultSlotPlace,
): AsyncIterable<Refusal> {
  const counts = new Map<string, number>();
  while (!signal.aborted) {
    for await (const addresses of looks(host, await requireRunning(host, id))) {
      if (signal.aborted) return;
      const record = await requireRunning(host, id);
      for (const refusal of await refusalsOf(host, record, addresses, place)) {
        const key = `${refusal.asked}\n${refusal.reason}`;
        if (counts.get(key) === refusal.count) continue;
        counts.set(key, refusal.count);
        yield refusal;
      }
    }
    await sleep(500, signal).catch(() => {});
  }
}

/** What the firewall has refused, twice a second; nothing, once, where it cannot be asked. */
async function* looks(host: Host, record: VmRecord): AsyncGenerator<readonly RefusedAddress[]> {
  let hasLooked = false;
  if (hasTap(record)) {
    for await (const addresses of watchRefusedSets(host, slotAddresses(record.network.slot))) {
      hasLooked = true;
      yield addresses;
    }
  }
  if (!hasLooked) yield [];
}
