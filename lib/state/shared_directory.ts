import type { Host } from "../host/host.ts";
import { lstatIfExists } from "../host/files/files.ts";
import type { SlotPlace } from "./slots.ts";

/** Where claims are. */
export function slotsDirectory(place: SlotPlace): string {
  return `${place.directory}/slots`;
}

/** The file that is locked; root alone may open it, since who can open a file can lock it. */
export function slotLockFile(place: SlotPlace): string {
  return `${place.directory}/slots.lock`;
}

/**
 * Makes the lock, never a second one in its place, and removes what no claim is: earlier versions of
 * nixbox let all users write to the directory.
 */
const finish = `umask 077
(set -C; : >"$1") 2>/dev/null || [ -f "$1" ] || exit 1
chown 0:0 -- "$1" && chmod 600 -- "$1"
find "$0" -mindepth 1 -maxdepth 1 \\( ! -type f -o -size +8 -o -name '*.new' \\) \\
  -exec rm -rf -- {} +`;

/** Commands that make the shared directory, run as root where it is missing or not root's alone. */
export function sharedDirectoryCommands(place: SlotPlace): readonly (readonly string[])[] {
  const slots = slotsDirectory(place);
  return [
    [
      ...["install", "-d", "-m", "755", "-o", "0", "-g", "0"],
      ...[place.directory, `${place.directory}/vm`, slots],
    ],
    ["sh", "-c", finish, slots, slotLockFile(place)],
  ];
}

/** Whether the directories and the lock are there, and only root (in a test: this user) can change them. */
export async function isSharedDirectorySafe(host: Host, place: SlotPlace): Promise<boolean> {
  for (const directory of [place.directory, slotsDirectory(place)]) {
    const found = await lstatIfExists(directory);
    if (found?.isDirectory !== true || !isRootsOrOurs(host, found)) return false;
    if (((found.mode ?? 0o777) & 0o022) !== 0) return false;
  }
  const lock = await lstatIfExists(slotLockFile(place));
  return lock?.isFile === true && isRootsOrOurs(host, lock) &&
    ((lock.mode ?? 0o777) & 0o077) === 0;
}

function isRootsOrOurs(host: Host, { uid }: Deno.FileInfo): boolean {
  return uid === 0 || uid === host.user.uid;
}

/** Whether this process may write claims itself: as root. */
export async function mayWriteClaims(host: Host, place: SlotPlace): Promise<boolean> {
  return (await lstatIfExists(slotsDirectory(place)))?.uid === host.user.uid;
}
