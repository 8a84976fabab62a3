import { NixboxError } from "./error.ts";
import { printableCommand } from "./process.ts";

/** How a file of nixbox's own that cannot be relied on is told. */
export interface OwnFileRules {
  /** The user whose file it must be. */
  readonly uid: number;
  /** "the trust state", for messages. */
  readonly what: string;
  /** What the user does once it is removed. */
  readonly then: string;
}

/** Larger files are none of ours. */
const mostBytes = 4 << 20;

/**
 * Reads a file that nixbox wrote for itself; `undefined` if there is none. What stands in its place
 * without being one is refused, and never opened: a pipe would be waited for without end.
 *
 * @throws {NixboxError} for a symlink, a directory, a pipe, a file that is huge or another user's.
 */
export async function readOwnFile(path: string, rules: OwnFileRules): Promise<string | undefined> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw unusable(path, rules, "it cannot be looked at");
  }
  if (!info.isFile) throw unusable(path, rules, "it is not a regular file");
  if (info.uid !== rules.uid) throw unusable(path, rules, "it is another user's");
  if (((info.mode ?? 0) & 0o022) !== 0) throw unusable(path, rules, "others may write to it");
  if (info.size > mostBytes) throw unusable(path, rules, "it is too large");
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(await Deno.readFile(path));
  } catch {
    throw unusable(path, rules, "it cannot be read as text");
  }
}

/** The error for a file that is not what it must be: unknown is not safe. */
export function unusable(path: string, { what, then }: OwnFileRules, why: string): NixboxError {
  return new NixboxError(`${what} cannot be used: ${why}`, {
    where: path,
    hint: `look at it, then \`${printableCommand(["rm", "-rf", "--", path])}\` and ${then}`,
  });
}
