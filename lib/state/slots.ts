import type { Host, ProcessIdentity } from "../host/host.ts";
import { NixboxError } from "../base/error.ts";
import { isAlive } from "../host/root/end_process.ts";
import type { HeldLock } from "../host/files/lock.ts";
import { type Claim, isOurs, readClaim, removeClaim, writeClaim } from "./claims.ts";
import { lockAsRoot } from "./slot_lock.ts";
import { isSharedDirectorySafe, sharedDirectoryCommands } from "./shared_directory.ts";
import { runAsRoot } from "../host/root/as_root.ts";

/** Slots are the host's, not one user's: taps, addresses and firewall tables are named by them. */
export const slotCount = 64;

/** Who holds a slot. */
export interface SlotOwner {
  /** The project's id. */
  readonly id: string;
  readonly uid: number;
  /** The `nixbox up` at first, the VMM once it runs. */
  readonly process: ProcessIdentity;
  readonly memoryMB: number;
}

/** Where the host's slots are kept. */
export interface SlotPlace {
  /** Root-owned; holds what is shared between users. */
  readonly directory: string;
}

export const defaultSlotPlace: SlotPlace = { directory: "/run/nixbox" };

/** Makes the shared directory if this is the first machine since the host booted, or it is not safe. */
export async function prepareSharedDirectory(host: Host, place: SlotPlace): Promise<void> {
  if (await isSharedDirectorySafe(host, place)) return;
  for (const argv of sharedDirectoryCommands(place)) await runAsRoot(host, argv);
}

/**
 * Takes the host-wide lock under which slots are given and taken. Root alone can open it: whoever may
 * not become root cannot hold up another's `up`.
 *
 * @throws {NixboxError} that names the holder, if it was not free for 30 seconds.
 */
export async function lockSlots(
  host: Host,
  place: SlotPlace,
  signal?: AbortSignal,
): Promise<HeldLock> {
  await prepareSharedDirectory(host, place);
  return await lockAsRoot(host, place, { timeoutMs: 30_000, signal });
}

/** Who holds which slot; the slots of owners that are gone are marked so. */
export interface SlotState {
  readonly slot: number;
  readonly owner: SlotOwner;
  /** Also where it cannot be told: unknown is not dead. */
  readonly isOwnerAlive: boolean;
  /** Why the claim, which is root's, cannot be read: nobody may take its slot. */
  readonly problem?: string;
}

/** The slots that are claimed. What somebody else than root laid there without right is not a claim. */
export async function readSlots(host: Host, place: SlotPlace): Promise<SlotState[]> {
  const states: SlotState[] = [];
  for (let slot = 0; slot < slotCount; slot++) {
    const claim = readClaim(place, slot);
    if (claim === undefined) continue;
    states.push(await stateOf(host, slot, claim));
  }
  return states;
}

async function stateOf(host: Host, slot: number, claim: Claim): Promise<SlotState> {
  if (claim.kind === "unreadable") {
    return { slot, owner: unknownOwner, isOwnerAlive: false, problem: claim.problem };
  }
  return { slot, owner: claim.owner, isOwnerAlive: await isAlive(host, claim.owner.process) };
}

/** A claim that cannot be read counts as an unknown owner's: it is never taken silently. */
const unknownOwner: SlotOwner = {
  id: "unknown",
  uid: -1,
  process: { pid: 1, startTime: "unknown" },
  memoryMB: 0,
};

/** Who holds a slot; an unknown owner (uid -1) where that cannot be read. */
export function readSlotOwner(place: SlotPlace, slot: number): SlotOwner | undefined {
  const claim = readClaim(place, slot);
  if (claim === undefined) return undefined;
  return claim.kind === "unreadable" ? unknownOwner : claim.owner;
}

/** Whether a slot is the machine's of this user with this id. */
export function isSlotOf(host: Host, place: SlotPlace, slot: number, id: string): boolean {
  const owner = readSlotOwner(place, slot);
  return owner !== undefined && isOurs(host, owner) && owner.id === id;
}

/** Writes a claim. The caller holds the slots' lock, or owns the slot already. */
export async function writeSlotOwner(
  host: Host,
  place: SlotPlace,
  slot: number,
  owner: SlotOwner,
): Promise<void> {
  await writeClaim(host, place, slot, owner);
}

/** Gives a slot back, if it is this machine's. */
export async function releaseSlot(
  host: Host,
  place: SlotPlace,
  slot: number,
  id: string,
): Promise<void> {
  if (isSlotOf(host, place, slot, id)) await removeClaim(host, place, slot);
}

/**
 * Picks the lowest slot that is free or whose owner is gone. Pure; the caller holds the lock.
 *
 * @throws {NixboxError} when all slots are taken, or the memory promised to running machines and
 * to this one is more than the host has free.
 */
export function chooseSlot(
  states: readonly SlotState[],
  wish: { readonly id: string; readonly memoryMB: number },
  memory: { readonly availableMB: number; readonly unusedOfRunningMB: number },
): { slot: number; replaces: SlotOwner | undefined } {
  const freeMB = memory.availableMB - memory.unusedOfRunningMB;
  if (wish.memoryMB > freeMB) throw notEnoughMemory(wish.memoryMB, freeMB, states);
  const taken = new Map(states.map((state) => [state.slot, state]));
  for (let slot = 0; slot < slotCount; slot++) {
    const state = taken.get(slot);
    if (state === undefined) return { slot, replaces: undefined };
    if (!state.isOwnerAlive && state.owner.uid !== -1) return { slot, replaces: state.owner };
  }
  throw new NixboxError(`all ${slotCount} network slots are in use`, {
    hint: "stop a machine: `nixbox status` lists yours, `nixbox doctor` what is left of others",
  });
}

function notEnoughMemory(wantedMB: number, freeMB: number, states: readonly SlotState[]) {
  const running = states.filter((state) => state.isOwnerAlive).length;
  return new NixboxError(
    `not enough memory: this machine wants ${wantedMB} MB and ${
      Math.max(0, Math.floor(freeMB))
    } MB ` +
      `are free, ${running} running machine${running === 1 ? "" : "s"} counted in`,
    {
      where: "resources.memoryMB",
      hint: "lower resources.memoryMB, or stop a machine (`nixbox status` lists yours)",
    },
  );
}

/** A claim for `up`, before there is a VMM. */
export function claimOf(
  host: Host,
  id: string,
  process: ProcessIdentity,
  memoryMB: number,
): SlotOwner {
  return { id, uid: host.user.uid, process, memoryMB };
}
