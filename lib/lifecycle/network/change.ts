import { parseDomain } from "../../config/domain.ts";
import { NixboxError } from "../../base/error.ts";
import type { Host } from "../../host/host.ts";
import { addressesOf } from "../../network/policy/addresses.ts";
import { dnsmasqPaths, dnsmasqServers, resolverUid } from "../../network/dns/dnsmasq.ts";
import { changeServers } from "../../network/dns/dnsmasq_process.ts";
import { startInspector } from "../../network/inspector/inspector_process.ts";
import { runInNamespace } from "../../network/namespace/namespace.ts";
import { inspectorFiles } from "../../network/network_plan.ts";
import { isNameAllowed, needsInspector, type NetworkPolicy } from "../../network/policy/policy.ts";
import type { VmRecord, VsockNetwork } from "../../state/record.ts";
import { defaultSlotPlace, type SlotPlace } from "../../state/slots.ts";
import { lockProject, statePaths, writeRecord } from "../../state/store.ts";
import { requireRunning } from "../machine/machine.ts";
import { proxyPaths, runningProxy } from "./proxy_place.ts";
import { writePolicy } from "./proxy_process.ts";

/** What became of a change to a running machine's names. */
export interface NameChange {
  /** The name in its normal form. */
  readonly domain: string;
  /** `false` where it was so before. */
  readonly isChanged: boolean;
  /** What to put into the config to make it last. */
  readonly config: string;
}

/** Lets a running machine reach a name and what is under it, at once. */
export async function allowDomain(
  host: Host,
  id: string,
  domain: string,
  place: SlotPlace = defaultSlotPlace,
): Promise<NameChange> {
  return await changeNames(host, id, domain, place, (policy, name) => ({
    ...policy,
    domains: [...new Set([...policy.domains, name])],
    denied: policy.denied.filter((other) => other !== name),
  }), "finish");
}

/**
 * Takes a name and what is under it away from a running machine, at once: connections that go by
 * names end, too, since which of them were to this one is not known.
 */
export async function denyDomain(
  host: Host,
  id: string,
  domain: string,
  place: SlotPlace = defaultSlotPlace,
): Promise<NameChange> {
  return await changeNames(host, id, domain, place, (policy, name) => {
    const domains = policy.domains.filter((other) => other !== name);
    const isStillAllowed = isNameAllowed({ ...policy, domains }, name.replace(/^\*\./, "any."));
    return {
      ...policy,
      domains,
      denied: isStillAllowed ? [...new Set([...policy.denied, name])] : policy.denied,
    };
  }, "stop");
}

async function changeNames(
  host: Host,
  id: string,
  text: string,
  place: SlotPlace,
  change: (policy: NetworkPolicy, name: string) => NetworkPolicy,
  connections: "finish" | "stop",
): Promise<NameChange> {
  const { domain, problem } = parseDomain(text);
  if (domain === undefined) {
    throw new NixboxError(`"${text}" ${problem}`, { exitCode: 2 });
  }
  await requireRunning(host, id);
  const lock = await lockProject(host, id, { timeoutMs: 15_000 });
  try {
    const record = await requireRunning(host, id);
    requireFiltered(record);
    const policy = change(record.network.policy, domain);
    const isChanged = JSON.stringify(policy) !== JSON.stringify(record.network.policy);
    if (isChanged) await applyNames(host, place, record, policy, connections);
    const config = connections === "finish"
      ? `network.domains = [ "${domain}" ];`
      : `take "${domain}" out of network.domains`;
    return { domain, isChanged, config };
  } finally {
    lock.release();
  }
}

function requireFiltered({ name, network }: VmRecord): void {
  const { mode } = network.policy;
  if (mode === "filtered") return;
  const why = mode === "open" ? "it may reach every name" : "it has no network";
  throw new NixboxError(`${name} has network.mode "${mode}": ${why}`, {
    hint: 'set network.mode = "filtered" in .nixbox/config.nix, then `nixbox down` and `nixbox up`',
  });
}

/**
 * The record goes last: if something fails on the way, the same command does it all again. A name
 * that goes takes every address with it: those in use come back with the next DNS request for them.
 */
async function applyNames(
  host: Host,
  place: SlotPlace,
  record: VmRecord,
  policy: NetworkPolicy,
  connections: "finish" | "stop",
): Promise<void> {
  const { network } = record;
  if (network.kind === "vsock") return await tellProxy(host, record, network, policy, connections);
  const slot = addressesOf(network);
  const paths = dnsmasqPaths(place.directory, slot.slot);
  await changeServers(host, paths, resolverUid(slot), dnsmasqServers(policy));
  if (needsInspector(policy)) {
    await startInspector(host, inspectorFiles(slot, paths.directory, policy), connections);
  }
  if (connections === "stop") {
    await runInNamespace(host, slot, ["nft", "flush", "set", "inet", slot.table, "allow4"]);
  }
  await writeRecord(host, { ...record, network: { ...network, policy } });
}

/** The proxy reads the policy for each connection; SIGHUP makes it end those that there are. */
async function tellProxy(
  host: Host,
  record: VmRecord,
  network: VsockNetwork,
  policy: NetworkPolicy,
  connections: "finish" | "stop",
): Promise<void> {
  const proxy = await runningProxy(host, record);
  if (proxy === undefined) {
    throw new NixboxError(`the proxy of ${record.name} has ended: nothing gets out`, {
      hint: "`nixbox logs proxy` may say why; `nixbox down`, then `nixbox up` starts it again",
    });
  }
  const { logs } = statePaths(host, record.id);
  await writePolicy(proxyPaths(record.runtimeDirectory, logs).policyFile, policy);
  if (connections === "stop") Deno.kill(proxy.pid, "SIGHUP");
  await writeRecord(host, { ...record, network: { ...network, policy } });
}
