import type { Host } from "../host/host.ts";
import { readTextIfExists } from "../host/files.ts";
import { sleep } from "../host/wait.ts";
import { slotAddresses } from "../network/addresses.ts";
import { dnsmasqPaths } from "../network/dnsmasq.ts";
import { readDnsmasqLog } from "../network/dnsmasq_log.ts";
import { inspectorPaths } from "../network/inspector.ts";
import { readInspectorLog } from "../network/inspector_log.ts";
import { readProxyLog } from "../network/proxy/log.ts";
import { type Refusal, refusalOfAddress, refusalsOfNames } from "../network/refusals.ts";
import { readRefusedSets } from "../network/refused_sets.ts";
import { hasTap, hasVsock, type VmRecord, type VsockRecord } from "../state/record.ts";
import { defaultSlotPlace, type SlotPlace } from "../state/slots.ts";
import { statePaths } from "../state/store.ts";
import { requireRunning } from "./machine.ts";
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
  return await refusalsOf(host, await requireRunning(host, id), place);
}

async function refusalsOf(host: Host, record: VmRecord, place: SlotPlace): Promise<Refusal[]> {
  if (hasVsock(record)) return await refusalsOfProxy(host, record);
  if (!hasTap(record)) return [];
  const { policy, address, slot } = record.network;
  const { directory, log } = dnsmasqPaths(place.directory, slot);
  const dns = readDnsmasqLog(await readWithOlder(log), Date.now(), address);
  const connections = readInspectorLog(await readWithOlder(inspectorPaths(directory).log));
  const addresses = await readRefusedSets(host, slotAddresses(slot));
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
  let record = await requireRunning(host, id);
  while (!signal.aborted) {
    for (const refusal of await refusalsOf(host, record, place)) {
      const key = `${refusal.asked}\n${refusal.reason}`;
      if (counts.get(key) === refusal.count) continue;
      counts.set(key, refusal.count);
      yield refusal;
    }
    await sleep(500, signal).catch(() => {});
    if (!signal.aborted) record = await requireRunning(host, id);
  }
}
