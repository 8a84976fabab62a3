import { NixboxError } from "../../base/error.ts";
import { lstatIfExists } from "./files.ts";
import { waitFor } from "../../base/wait.ts";

export interface LockOptions {
  /** How long to wait for another holder; 0 tries once. */
  readonly timeoutMs: number;
  /** Called once if someone else holds the lock. */
  readonly onWait?: () => void;
  readonly signal?: AbortSignal;
  /** Written into the file once it is held; empty again when it is released. */
  readonly note?: string;
}

/** A lock that is held; it ends with `release` or with this process, however that dies. */
export interface HeldLock {
  release(): void;
}

/**
 * Takes an exclusive flock(2) on a file, which is made if missing. The lock is not inherited by
 * child processes.
 *
 * @returns `undefined` if another holder kept it for all of `timeoutMs`.
 * @throws {NixboxError} if something else lies in its place.
 */
export async function takeLock(path: string, options: LockOptions): Promise<HeldLock | undefined> {
  await requirePlainFile(path);
  const file = await Deno.open(path, { create: true, read: true, write: true, mode: 0o600 });
  let told = false;
  try {
    const held = await waitFor(async () => {
      if (await file.tryLock(true)) return true;
      if (!told) options.onWait?.();
      told = true;
      return undefined;
    }, { ...options, firstDelayMs: 20, longestDelayMs: 200 });
    if (held) {
      await writeNote(file, options.note ?? "");
      return { release: () => release(file) };
    }
  } catch (error) {
    file.close();
    throw error;
  }
  file.close();
  return undefined;
}

async function writeNote(file: Deno.FsFile, note: string): Promise<void> {
  await file.truncate();
  try {
    await file.write(new TextEncoder().encode(note));
  } catch {
    // On a full disk nobody is told who holds it; it is held all the same.
  }
}

function release(file: Deno.FsFile): void {
  try {
    file.truncateSync();
  } catch {
    // On a full disk the note stays, and is told from a holder's by its process.
  }
  file.close();
}

async function requirePlainFile(path: string): Promise<void> {
  const found = await lstatIfExists(path);
  if (found === undefined || found.isFile) return;
  const what = found.isSymlink ? "a symlink" : found.isDirectory ? "a directory" : "not a file";
  throw new NixboxError(`the lock ${path} is ${what}`, {
    where: path,
    hint: `nixbox made no such thing: \`rm -r ${path}\``,
  });
}
