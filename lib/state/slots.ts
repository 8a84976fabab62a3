import type { Host, ProcessIdentity } from "../host/host.ts";
import { NixboxError } from "../host/error.ts";
import { isAlive } from "../host/end_process.ts";
import { exists, readTextIfExists } from "../host/files.ts";
import { type HeldLock, takeLock } from "../host/lock.ts";
import { parseJson } from "../host/json.ts";
import { run } from "../host/process.ts";
import { isIdentity } from "./record.ts";
import { isInteger, isNumber, isObjectOf, isString } from "./shape.ts";

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

const isSlotOwner = isObjectOf<SlotOwner>({
  id: isString,
  uid: isInteger,
  process: isIdentity,
  memoryMB: isNumber,
});

/** Where the host's slots are kept. */
export interface SlotPlace {
  /** Root-owned; holds what is shared between users. */
  readonly directory: string;
}

export const defaultSlotPlace: SlotPlace = { directory: "/run/nixbox" };

/** Commands that make the shared directory, run as root where it is missing. */
export function sharedDirectoryCommands(place: SlotPlace): readonly (readonly string[])[] {
  return [
    ["install", "-d", "-m", "755", place.directory, `${place.directory}/vm`],
    // Sticky, like /tmp: every user may claim a slot, none may take away another's claim.
    ["install", "-d", "-m", "1777", slotsDirectory(place)],
  ];
}

/** Makes the shared directory if this is the first machine since the host booted. */
export async function prepareSharedDirectory(host: Host, place: SlotPlace): Promise<void> {
  if (await exists(slotsDirectory(place))) return;
  for (const argv of sharedDirectoryCommands(place)) await run(host.privilege.asRoot(argv));
}

function slotsDirectory(place: SlotPlace): string {
  return `${place.directory}/slots`;
}

/**
 * Takes the host-wide lock under which slots are given and taken: the directory itself, which any
 * user may open, and which two that make it at once do not replace.
 */
export async function lockSlots(place: SlotPlace, signal?: AbortSignal): Promise<HeldLock> {
  const held = await takeLock(slotsDirectory(place), {
    isDirectory: true,
    timeoutMs: 30_000,
    ...(signal === undefined ? {} : { signal }),
  });
  if (held !== undefined) return held;
  throw new NixboxError("the lock of the network slots was not free for 30 seconds", {
    where: slotsDirectory(place),
    hint: `see who holds it: \`fuser ${slotsDirectory(place)}\``,
  });
}

/** Who holds which slot; the slots of owners that are gone are marked so. */
export interface SlotState {
  readonly slot: number;
  readonly owner: SlotOwner;
  readonly isOwnerAlive: boolean;
}

export async function readSlots(host: Host, place: SlotPlace): Promise<SlotState[]> {
  const states: SlotState[] = [];
  for (let slot = 0; slot < slotCount; slot++) {
    const owner = await readSlotOwner(place, slot);
    if (owner === undefined) continue;
    states.push({ slot, owner, isOwnerAlive: await isAlive(host, owner.process) });
  }
  return states;
}

/** A claim that cannot be read counts as an unknown owner's: it is never taken over silently. */
export async function readSlotOwner(
  place: SlotPlace,
  slot: number,
): Promise<SlotOwner | undefined> {
  const text = await readTextIfExists(slotFile(place, slot));
  if (text === undefined) return undefined;
  const value = parseJson(text);
  return isSlotOwner(value)
    ? value
    : { id: "unknown", uid: -1, process: { pid: 1, startTime: "unknown" }, memoryMB: 0 };
}

/**
 * Writes a claim. The caller holds the slots' lock and has removed a former owner's claim, or owns
 * the slot already: in a sticky directory the kernel lets nobody, root included, open another
 * user's file for writing (fs.protected_regular).
 */
export async function writeSlotOwner(
  place: SlotPlace,
  slot: number,
  owner: SlotOwner,
): Promise<void> {
  await Deno.writeTextFile(slotFile(place, slot), JSON.stringify(owner), { mode: 0o644 });
}

/** Gives a slot back, if it is this machine's. */
export async function releaseSlot(
  host: Host,
  place: SlotPlace,
  slot: number,
  id: string,
): Promise<void> {
  const owner = await readSlotOwner(place, slot);
  if (owner?.id !== id) return;
  if (owner.uid === host.user.uid) {
    await Deno.remove(slotFile(place, slot));
  } else {
    await run(host.privilege.asRoot(["rm", "-f", slotFile(place, slot)]));
  }
}

export function slotFile(place: SlotPlace, slot: number): string {
  return `${slotsDirectory(place)}/${slot}`;
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
    hint: "stop a machine: `nixbox status` lists yours",
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
