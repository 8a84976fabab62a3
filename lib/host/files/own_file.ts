import { messageOf, NixboxError } from "../../base/error.ts";
import { parentOf } from "../../base/paths.ts";

/** What a file that is read as our own must be. */
export interface OwnFile {
  /** User ids that may own it. */
  readonly owners: readonly number[];
  /** Bytes that it may have. */
  readonly mostBytes: number;
  /** The way out, for the error. */
  readonly hint: string;
}

/**
 * The text of a file of nixbox's own, which somebody may have put something else in the place of: it
 * must be a regular file of one of `owners`, and of a bounded size. Never blocks.
 *
 * It is looked at, then opened (Deno has no O_NOFOLLOW and no O_NONBLOCK, and Node's modules would
 * cost every command some 20 ms): nobody can put a FIFO there in between, since its directory must be one
 * in which only `owners` and root can replace it.
 *
 * @returns `undefined` if there is nothing.
 * @throws {NixboxError} that names the path, what is wrong with it and the way out.
 */
export function readOwnFile(path: string, expected: OwnFile): string | undefined {
  const refuse = (what: string, cause?: unknown) =>
    new NixboxError(`${path} ${what}`, { where: path, hint: expected.hint, cause });
  try {
    const found = Deno.lstatSync(path);
    const fault = faultOf(found, expected) ??
      faultOfDirectory(Deno.statSync(parentOf(path)), expected);
    if (fault !== undefined) throw refuse(fault);
    using file = Deno.openSync(path);
    const { dev, ino } = file.statSync();
    if (dev !== found.dev || ino !== found.ino) throw refuse("changed while it was looked at");
    return new TextDecoder().decode(readAll(file, expected.mostBytes));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    if (error instanceof NixboxError) throw error;
    throw refuse(`cannot be read: ${messageOf(error)}`, error);
  }
}

function faultOf(found: Deno.FileInfo, { owners, mostBytes }: OwnFile): string | undefined {
  if (found.isSymlink) return "is a symlink, which is not followed";
  if (!found.isFile) return "is not a regular file";
  if (!owners.includes(found.uid ?? -1)) return `belongs to user ${found.uid}`;
  if (found.size > mostBytes) {
    return `has ${found.size} bytes, more than the ${mostBytes} that it may have`;
  }
  return undefined;
}

/** Who may replace what lies in it: its owner, and those who may write to it, if it is not sticky. */
function faultOfDirectory(found: Deno.FileInfo, { owners }: OwnFile): string | undefined {
  const mode = found.mode ?? 0o777;
  if (found.uid !== 0 && !owners.includes(found.uid ?? -1)) {
    return `lies in a directory of user ${found.uid}`;
  }
  const isSticky = (mode & 0o1000) !== 0;
  return (mode & 0o022) === 0 || isSticky
    ? undefined
    : "lies in a directory that others can write to";
}

/** It may grow while it is read: no more than was said. */
function readAll(file: Deno.FsFile, mostBytes: number): Uint8Array {
  const bytes = new Uint8Array(Math.min(file.statSync().size, mostBytes));
  let length = 0;
  while (length < bytes.length) {
    const count = file.readSync(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
}
