import { removeGroup } from "../../../host/confinement/control_group.ts";
import { ownerVariable } from "../../../host/process/detached.ts";
import { endProcess } from "../../../host/root/end_process.ts";
import type { Host, ProcessIdentity } from "../../../host/host.ts";
import { slotAddresses } from "../../../network/policy/addresses.ts";
import { removeClaim } from "../../../state/claims.ts";
import { unpassDocker } from "../../../network/docker.ts";
import { deleteFirewall, partNamespace } from "../../../network/join.ts";
import { stopServices } from "../../../network/services.ts";
import {
  chooseSlot,
  claimOf,
  lockSlots,
  readSlots,
  type SlotOwner,
  type SlotPlace,
  type SlotState,
  writeSlotOwner,
} from "../../../state/slots.ts";

/**
 * Claims a network slot and the memory for one machine, under the host-wide lock, so that of many
 * machines started at once exactly those start that fit.
 *
 * @throws {NixboxError} when no slot or not enough memory is free; nothing is claimed then.
 */
export async function claimSlot(
  host: Host,
  place: SlotPlace,
  wish: { readonly id: string; readonly memoryMB: number; readonly starter: ProcessIdentity },
  signal: AbortSignal,
): Promise<number> {
  const lock = await lockSlots(host, place, signal);
  try {
    const states = await readSlots(host, place);
    const { slot, replaces } = chooseSlot(states, wish, {
      availableMB: host.memory().availableMB,
      unusedOfRunningMB: await promisedButUnusedMB(host, states),
    });
    if (replaces !== undefined) await clearSlot(host, place, slot, replaces);
    try {
      await writeSlotOwner(host, place, slot, claimOf(host, wish.id, wish.starter, wish.memoryMB));
    } catch (error) {
      await removeClaim(host, place, slot);
      throw error;
    }
    return slot;
  } finally {
    lock.release();
  }
}

/** Memory that running machines were promised and have not touched yet: it only looks free. */
async function promisedButUnusedMB(host: Host, states: readonly SlotState[]): Promise<number> {
  let sum = 0;
  for (const { owner, isOwnerAlive } of states) {
    if (!isOwnerAlive) continue;
    sum += Math.max(0, owner.memoryMB - await host.processes.residentMB(owner.process.pid));
  }
  return sum;
}

/**
 * Removes what an owner that is gone has left in a slot: processes, namespace, rules, dnsmasq, claim. Only
 * processes of the user whose claim it is are ended: a claim has no say over anybody else's.
 */
export async function clearSlot(
  host: Host,
  place: SlotPlace,
  slot: number,
  owner: SlotOwner | undefined,
): Promise<void> {
  const pids = owner === undefined
    ? []
    : await host.processes.withEnvironment(ownerVariable, owner.id, owner.uid);
  for (const pid of pids) {
    const identity = await host.processes.identify(pid);
    if (typeof identity === "object") await endProcess(host, identity, { graceMs: 1000 });
  }
  const names = slotAddresses(slot);
  await stopServices(host, place.directory, slot);
  await unpassDocker(host, names.link);
  await partNamespace(host, names);
  await deleteFirewall(host, names);
  await removeGroup(host, slot);
  await removeClaim(host, place, slot);
}
