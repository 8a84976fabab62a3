import type { Host } from "../host/host.ts";
import { NixboxError } from "../base/error.ts";
import { writeTextAtomically } from "../host/files/files.ts";
import { parseJson } from "../base/json.ts";
import { readOwnFile } from "../host/files/own_file.ts";
import { parentOf } from "../base/paths.ts";
import { isArrayOf, isString } from "../base/type_guards.ts";

/** Some ten thousand directories. */
const mostBytes = 1_000_000;

const isList = isArrayOf(isString);

export function guestWritableFile(host: Pick<Host, "paths">): string {
  return `${host.paths.state}/guest_writable.json`;
}

/**
 * Every directory of this host that a guest of this user's could write to, now or before: a program that
 * lies there may be a guest's, long after its machine has gone. Real paths.
 *
 * @throws {NixboxError} if the list cannot be read.
 */
export function readGuestWritable(host: Pick<Host, "paths" | "user">): readonly string[] {
  const path = guestWritableFile(host);
  const hint =
    "it lists what guests could write to, and nixbox runs no program from there; remove " +
    "it if nothing on your PATH lies in such a directory";
  const text = readOwnFile(path, { owners: [host.user.uid], mostBytes, hint });
  if (text === undefined) return [];
  const value = parseJson(text);
  if (isList(value)) return value;
  throw new NixboxError(`${path} is not a list of directories`, { where: path, hint });
}

/** Adds to the list. The file changes only if there is something new. */
export async function addGuestWritable(
  host: Pick<Host, "paths" | "user">,
  directories: readonly string[],
): Promise<void> {
  const known = readGuestWritable(host);
  const more = [...new Set(directories)].filter((directory) => !known.includes(directory));
  if (more.length === 0) return;
  const path = guestWritableFile(host);
  await Deno.mkdir(parentOf(path), { recursive: true, mode: 0o700 });
  // What has gone can hold no program.
  const kept = [...known, ...more].filter(isThere);
  await writeTextAtomically(path, `${JSON.stringify(kept)}\n`);
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound);
  }
}
