import type { Host } from "../../host/host.ts";
import { isOurs, removeClaim, unfinishedClaims } from "../../state/claims.ts";
import { lockSlots, readSlots, type SlotPlace } from "../../state/slots.ts";
import { lockProject, removeRecord } from "../../state/store.ts";
import { clearSlot } from "../boot/linux/claim.ts";
import { removeOwnDirectory, sweep } from "../boot/teardown.ts";

/**
 * Clears a machine whose record cannot be read: ends the processes that carry its mark, clears the
 * slots that are claimed in its name by this user, and removes its sockets, secrets and record.
 */
export async function discardMachine(host: Host, place: SlotPlace, id: string): Promise<void> {
  const held = await lockProject(host, id, { timeoutMs: 5000 });
  try {
    await sweep(host, id);
    if (await hasStrayClaims(host, place, id)) await clearClaims(host, place, id);
    await removeOwnDirectory(host, `${host.paths.secrets}/${id}.secrets`);
    await removeOwnDirectory(host, `${host.paths.runtime}/${id}`);
    await removeRecord(host, id);
  } finally {
    held.release();
  }
}

/**
 * Whether a slot is claimed in the name of a machine of this user's, or a claim was left unfinished: by
 * an `up` that was killed before it wrote its record, if no `up` is at work.
 */
export async function hasStrayClaims(host: Host, place: SlotPlace, id: string): Promise<boolean> {
  if (host.guestLink !== "tap") return false;
  if (unfinishedClaims(place).length > 0) return true;
  return (await readSlots(host, place)).some(({ owner }) => isOurs(host, owner) && owner.id === id);
}

/** Clears such slots. The caller holds the project's lock, and there is no record. */
export async function clearClaims(host: Host, place: SlotPlace, id: string): Promise<void> {
  const lock = await lockSlots(host, place);
  try {
    const states = await readSlots(host, place);
    for (const { slot, owner } of states) {
      if (isOurs(host, owner) && owner.id === id) await clearSlot(host, place, slot, owner);
    }
    // Claims are begun under the lock, and changed by machines that have one.
    for (const { slot } of unfinishedClaims(place)) {
      if (!states.some((state) => state.slot === slot)) await removeClaim(host, place, slot);
    }
  } finally {
    lock.release();
  }
}
