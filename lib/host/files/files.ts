import { messageOf, NixboxError } from "../../base/error.ts";
import { nameOf, parentOf } from "../../base/paths.ts";

/** Whether anything is at the path, a dangling symlink included. */
export async function exists(path: string): Promise<boolean> {
  try {
    await Deno.lstat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return false;
    }
    throw error;
  }
}

/** "DEVICE:INODE", which tells a directory from another in its place; empty if there is none. */
export async function directoryIdentity(path: string): Promise<string> {
  try {
    const { dev, ino } = await Deno.stat(path);
    return `${dev}:${ino}`;
  } catch {
    return "";
  }
}

/** The text of a file; `undefined` if there is none. */
export async function readTextIfExists(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** More than the last lines of any log need. */
const tailBytes = 65_536;

/**
 * The end of a text file, 64 KiB at most; empty if there is none. For logs, which a guest can make
 * as large as it likes.
 */
export async function readTail(path: string): Promise<string> {
  try {
    using file = await Deno.open(path);
    const { size } = await file.stat();
    await file.seek(Math.max(0, size - tailBytes), Deno.SeekMode.Start);
    const bytes = new Uint8Array(Math.min(size, tailBytes));
    let length = 0;
    while (length < bytes.length) {
      const count = await file.read(bytes.subarray(length));
      if (count === null) break;
      length += count;
    }
    return new TextDecoder().decode(bytes.subarray(0, length));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}

/** Writes a file so that a reader sees the old text or the new, never half of one. */
export async function writeTextAtomically(path: string, text: string, mode = 0o600): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.new`;
  try {
    await Deno.writeTextFile(temporary, text, { mode, createNew: true });
    await Deno.rename(temporary, path);
  } catch (error) {
    await removeIfExists(temporary);
    throw fileError(`${path} could not be written`, error);
  }
}

/** As {@linkcode writeTextAtomically}, for bytes. */
export async function writeBytesAtomically(
  path: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID().slice(0, 8)}.new`;
  try {
    await Deno.writeFile(temporary, bytes, { mode: 0o600, createNew: true });
    await Deno.rename(temporary, path);
  } catch (error) {
    await removeIfExists(temporary);
    throw fileError(`${path} could not be written`, error);
  }
}

/** Removes what a {@linkcode writeTextAtomically} that was killed has left beside its file. */
export async function removeUnfinished(path: string): Promise<void> {
  const begin = `${nameOf(path)}.`;
  for await (const { name } of Deno.readDir(parentOf(path))) {
    const isUnfinished = name.startsWith(begin) &&
      /^[0-9a-f]{8}\.new$/.test(name.slice(begin.length));
    if (isUnfinished) await removeIfExists(`${parentOf(path)}/${name}`);
  }
}

/** As {@linkcode removeUnfinished}, of every file in a directory. */
export async function removeUnfinishedIn(directory: string): Promise<void> {
  if (!await exists(directory)) return;
  for await (const { name } of Deno.readDir(directory)) {
    if (/\.[0-9a-f]{8}\.new$/.test(name)) await removeIfExists(`${directory}/${name}`);
  }
}

/** Removes a file or a whole directory; nothing happens if there is none. Symlinks are not followed. */
export async function removeIfExists(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Removes a file, socket, link or empty directory, if there is one: where somebody else could have made
 * a directory, however deep.
 */
export async function removeEntry(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) {
      throw fileError(`${path} could not be removed`, error);
    }
  }
}

/**
 * Makes a directory that only this user can enter, or checks that the one that is there is such a
 * one: a directory (no symlink) that belongs to `uid`.
 *
 * @throws {NixboxError} if another user made it first, as anyone can under /tmp.
 */
export async function ensurePrivateDirectory(path: string, uid: number): Promise<void> {
  try {
    await Deno.mkdir(parentOf(path), { recursive: true });
    await Deno.mkdir(path, { mode: 0o700 });
    return;
  } catch (error) {
    if (!(error instanceof Deno.errors.AlreadyExists)) {
      throw fileError(`${path} could not be made`, error);
    }
  }
  const found = await Deno.lstat(path);
  if (!found.isDirectory || found.uid !== uid) {
    throw new NixboxError(`${path} is not a directory of yours`, {
      where: path,
      hint: `someone else made it; have it removed: \`sudo rm -r ${path}\``,
    });
  }
  if (((found.mode ?? 0) & 0o077) !== 0) await Deno.chmod(path, 0o700);
}

/** What a path itself is, a link not followed; `undefined` if there is nothing. */
export async function lstatIfExists(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** A file-system error in the user's words, with a disk that is full named as such. */
export function fileError(what: string, error: unknown): NixboxError {
  const message = messageOf(error);
  const diskIsFull = /ENOSPC|No space left|os error 28\b/.test(message);
  return new NixboxError(`${what}: ${diskIsFull ? "no space left on the disk" : message}`, {
    ...(diskIsFull ? { hint: "free some space (`df -h` shows where it went) and try again" } : {}),
    cause: error,
  });
}
