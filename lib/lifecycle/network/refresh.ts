import { NixboxError } from "../../base/error.ts";
import { runAsRoot } from "../../host/root/as_root.ts";
import type { Host } from "../../host/host.ts";
import { addressesOf, type SlotAddresses } from "../../network/policy/addresses.ts";
import { dnsmasqPaths, dnsmasqServers, resolverUid } from "../../network/dns/dnsmasq.ts";
import { changeServers, restartDnsmasq } from "../../network/dns/dnsmasq_process.ts";
import { passDocker } from "../../network/docker.ts";
import { firewallRules } from "../../network/rules/firewall.ts";
import { enableForwarding } from "../../network/forwarding.ts";
import { hostNetwork } from "../../network/host_network.ts";
import { hostRules } from "../../network/rules/host_rules.ts";
import { faultTexts, type NetworkFault, rememberRules } from "../../network/kernel_state.ts";
import { loadRules, restoreRouting } from "../../network/join.ts";
import { runInNamespace } from "../../network/namespace/namespace.ts";
import { watchOf } from "../../network/network_plan.ts";
import type { NetworkPolicy } from "../../network/policy/policy.ts";
import { upstreamResolvers } from "../../network/resolvers.ts";
import { startWatch, stopWatch } from "../../network/watch.ts";
import { hasTap, type TapRecord } from "../../state/record.ts";
import { defaultSlotPlace, lockSlots, type SlotPlace } from "../../state/slots.ts";
import { lockProject, writeRecord } from "../../state/store.ts";
import { requireRunning } from "../machine/machine.ts";
import { faultsOf, isLost } from "./faults.ts";
import { forwardingMemory } from "../boot/teardown.ts";

/** What `network refresh` found and fixed. */
export interface NetworkRefresh {
  /** A sentence for each fault that there was. */
  readonly fixed: readonly string[];
}

/**
 * Puts a running machine's network right: rules that something flushed, and what follows from the
 * host's addresses and resolvers, which change. What the guest may reach stays what it was.
 *
 * @throws {NixboxError} with exit code 3 if the machine does not run; if something is still wrong.
 */
export async function refreshNetwork(
  host: Host,
  id: string,
  place: SlotPlace = defaultSlotPlace,
): Promise<NetworkRefresh> {
  await requireRunning(host, id);
  const lock = await lockProject(host, id, { timeoutMs: 15_000 });
  try {
    const record = await requireRunning(host, id);
    // Where there is no tap, nothing of the host's takes part.
    if (!hasTap(record)) return { fixed: [] };
    const faults = await faultsOf(host, place, record);
    const lost = faults.find(isLost);
    if (lost !== undefined) {
      throw new NixboxError(`${record.name}: ${faultTexts[lost]}`, {
        hint: "`nixbox down`, then `nixbox up`",
      });
    }
    if (faults.length > 0) await putRight(host, place, record, faults);
    return { fixed: faults.map((fault) => faultTexts[fault]) };
  } finally {
    lock.release();
  }
}

async function putRight(
  host: Host,
  place: SlotPlace,
  record: TapRecord,
  faults: readonly NetworkFault[],
): Promise<void> {
  const slot = addressesOf(record.network);
  const policy = await currentPolicy(record.network.policy);
  await reloadRules(host, place, record, slot, policy);
  await restoreRouting(host, slot, host.user.uid);
  if (policy.mode !== "off") await restoreForwarding(host, place, slot);
  if (faults.includes("resolvers")) {
    const paths = dnsmasqPaths(place.directory, slot.slot);
    await changeServers(host, paths, resolverUid(slot), dnsmasqServers(policy));
  }
  await restartResolver(host, place, slot, policy);
  const fixed: TapRecord = { ...record, network: { ...record.network, policy } };
  await writeRecord(host, fixed);
  const left = await faultsOf(host, place, fixed);
  if (left.length === 0) return;
  throw new NixboxError(`the network of ${record.name} could not be fixed completely`, {
    hint: "`nixbox down`, then `nixbox up`",
    log: left.map((fault) => faultTexts[fault]),
  });
}

async function currentPolicy(policy: NetworkPolicy): Promise<NetworkPolicy> {
  if (policy.followsHost !== true || policy.mode === "off") return policy;
  return { ...policy, resolvers: await upstreamResolvers([]) };
}

/** The watch goes with the process that it watches. */
async function restartResolver(
  host: Host,
  place: SlotPlace,
  slot: SlotAddresses,
  policy: NetworkPolicy,
): Promise<void> {
  const paths = dnsmasqPaths(place.directory, slot.slot);
  const { namespace } = slot;
  await stopWatch(host, paths.directory);
  try {
    const pid = await restartDnsmasq(host, { paths, namespace, uid: resolverUid(slot) });
    await startWatch(host, watchOf(slot, paths), pid);
  } catch (error) {
    // What the watch would do: nothing that an answer has allowed stays open without a resolver.
    const flush = ["nft", "flush", "set", "inet", slot.table, "allow4"];
    if (policy.mode === "filtered") await runInNamespace(host, slot, flush);
    throw error;
  }
}

/** All in two transactions, so that there is no moment without rules. */
async function reloadRules(
  host: Host,
  place: SlotPlace,
  record: TapRecord,
  slot: SlotAddresses,
  policy: NetworkPolicy,
): Promise<void> {
  const network = await hostNetwork(host);
  const { mac } = record.network;
  await loadRules(host, slot, firewallRules({ slot, mac, policy, hostNetwork: network }));
  await runAsRoot(host, ["nft", "-f", "-"], hostRules(slot));
  const { directory } = dnsmasqPaths(place.directory, slot.slot);
  await rememberRules(host, slot, directory, network);
}

async function restoreForwarding(
  host: Host,
  place: SlotPlace,
  slot: SlotAddresses,
): Promise<void> {
  const lock = await lockSlots(host, place);
  try {
    await enableForwarding(host, forwardingMemory(place));
  } finally {
    lock.release();
  }
  await passDocker(host, slot.link);
}
