import type { Host } from "../host/host.ts";
import { exists } from "../host/files.ts";
import { isOurs } from "../state/claims.ts";
import { lockSlots, readSlots, type SlotPlace } from "../state/slots.ts";
import { lockProject, removeRecord } from "../state/store.ts";
import { clearSlot } from "./claim.ts";
import { removeOwnDirectory, sweep } from "./takedown.ts";

/**
 * Clears a machine whose record cannot be read: ends the processes that carry its mark, clears the
 * slots that are claimed in its name by this user, and removes its sockets, secrets and record.
 */
export async function discardMachine(host: Host, place: SlotPlace, id: string): Promise<void> {
  const held = await lockProject(host, id, { timeoutMs: 5000 });
  try {
    await sweep(host, id);
    if (host.guestLink === "tap" && await exists(place.directory)) {
      await clearSlots(host, place, id);
    }
    await removeOwnDirectory(host, `${host.paths.secrets}/${id}.secrets`);
    await removeOwnDirectory(host, `${host.paths.runtime}/${id}`);
    await removeRecord(host, id);
  } finally {
    held.release();
  }
}

async function clearSlots(host: Host, place: SlotPlace, id: string): Promise<void> {
  const lock = await lockSlots(host, place);
  try {
    for (const { slot, owner } of await readSlots(host, place)) {
      if (isOurs(host, owner) && owner.id === id) await clearSlot(host, place, slot, owner);
    }
  } finally {
    lock.release();
  }
}
