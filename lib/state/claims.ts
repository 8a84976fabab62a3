import type { Host } from "../host/host.ts";
import { runAsRoot } from "../host/root/as_root.ts";
import { messageOf, NixboxError } from "../base/error.ts";
import { removeIfExists, writeTextAtomically } from "../host/files/files.ts";
import { parseJson } from "../base/json.ts";
import { readOwnFile } from "../host/files/own_file.ts";
import { isIdentity } from "./record.ts";
import { isInteger, isNumber, isObjectOf, isString } from "../base/type_guards.ts";
import { mayWriteClaims, slotsDirectory } from "./shared_directory.ts";
import type { SlotOwner, SlotPlace } from "./slots.ts";

/** What lies in a slot's place. */
export type Claim =
  | { readonly kind: "claim"; readonly owner: SlotOwner }
  | { readonly kind: "unreadable"; readonly problem: string };

const isSlotOwner = isObjectOf<SlotOwner>({
  id: isString,
  uid: isInteger,
  process: isIdentity,
  memoryMB: isNumber,
});

/** A claim has about 150. */
const mostBytes = 4096;

export function claimFile(place: SlotPlace, slot: number): string {
  return `${slotsDirectory(place)}/${slot}`;
}

/**
 * The claim on a slot. Claims are root's, as their directory is. What somebody else laid there when an
 * earlier version let every user write to it (a claim, a FIFO, a symlink, a huge file) is not a
 * claim, and its slot is free.
 */
export function readClaim(place: SlotPlace, slot: number): Claim | undefined {
  const path = claimFile(place, slot);
  const root = ownerOf(slotsDirectory(place));
  if (root === undefined || ownerOf(path) !== root) return undefined;
  const hint = `if no machine runs on this slot: \`sudo rm -r ${path}\``;
  try {
    const text = readOwnFile(path, { owners: [root], mostBytes, hint });
    if (text === undefined) return undefined;
    const value = parseJson(text);
    if (isSlotOwner(value)) return { kind: "claim", owner: value };
    return { kind: "unreadable", problem: `${path} is not a claim of this version of nixbox` };
  } catch (error) {
    if (!(error instanceof NixboxError)) throw error;
    return { kind: "unreadable", problem: messageOf(error) };
  }
}

function ownerOf(path: string): number | undefined {
  try {
    return Deno.lstatSync(path).uid ?? 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

/** Whether a claim is of this user. */
export function isOurs(host: Host, owner: SlotOwner): boolean {
  return owner.uid === host.user.uid;
}

/**
 * `set -C`: what is redirected makes a file, or fails; nothing that lies there is written through. The
 * claim is an argument: of a pipe, a nixbox that is killed would leave half of it.
 */
const write = `set -C
umask 022
rm -rf -- "$0.new"
printf %s "$1" >"$0.new"
[ ! -d "$0" ] || [ -L "$0" ] || rm -rf -- "$0"
mv -fT -- "$0.new" "$0"`;

/** What writes a claim where this user is not root, for those who want to know. */
export function claimCommand(
  place: SlotPlace,
  slot: number,
  text = "(the claim)",
): readonly string[] {
  return ["sh", "-e", "-c", write, claimFile(place, slot), text];
}

/** Writes a claim whole or not at all; what else lies in its place goes. */
export async function writeClaim(
  host: Host,
  place: SlotPlace,
  slot: number,
  owner: SlotOwner,
): Promise<void> {
  const path = claimFile(place, slot);
  const text = JSON.stringify(owner);
  if (!await mayWriteClaims(host, place)) {
    await runAsRoot(host, claimCommand(place, slot, text));
    return;
  }
  if (readClaim(place, slot) === undefined) await removeIfExists(path);
  await writeTextAtomically(path, text, 0o644);
  // Every user's `up` reads it, whatever this one's umask says.
  await Deno.chmod(path, 0o644);
}

/** Removes a claim, and what a program that was killed while it wrote one has left beside it. */
export async function removeClaim(host: Host, place: SlotPlace, slot: number): Promise<void> {
  const unfinished = unfinishedClaims(place).filter((one) => one.slot === slot);
  const paths = [claimFile(place, slot), ...unfinished.map(({ path }) => path)];
  if (await mayWriteClaims(host, place)) { for (const path of paths) await removeIfExists(path); }
  else await runAsRoot(host, ["rm", "-rf", "--", ...paths]);
}

/** Files of claims that are being written now, or whose writer was killed. */
export function unfinishedClaims(
  place: SlotPlace,
): readonly { readonly slot: number; readonly path: string }[] {
  const directory = slotsDirectory(place);
  try {
    return [...Deno.readDirSync(directory)].flatMap(({ name }) => {
      const slot = /^([0-9]+)(?:\.[0-9a-f]{8})?\.new$/.exec(name)?.[1];
      return slot === undefined ? [] : [{ slot: Number(slot), path: `${directory}/${name}` }];
    });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}
