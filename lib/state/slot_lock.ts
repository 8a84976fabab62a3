import type { Host } from "../host/host.ts";
import { makeCommand } from "../host/process/command.ts";
import { NixboxError } from "../base/error.ts";
import { type HeldLock, takeLock } from "../host/files/lock.ts";
import { holderOf } from "../host/process/lock_holder.ts";
import { CommandError } from "../host/process/run.ts";
import { rootProgram } from "../host/process/programs.ts";
import { mayWriteClaims, slotLockFile } from "./shared_directory.ts";
import type { SlotPlace } from "./slots.ts";

export interface SlotLockOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

// Held until nixbox closes the pipe, or ends in whatever way. The last word names who asked.
const hold = "echo held; exec cat >/dev/null";

/**
 * Takes the lock of the slots: itself, where this is root; else a root's flock(1) takes it and holds it
 * for as long as this process wants, or lives.
 *
 * @throws {NixboxError} that names the holder, if it is not free in time.
 */
export async function lockAsRoot(
  host: Host,
  place: SlotPlace,
  options: SlotLockOptions,
): Promise<HeldLock> {
  const { timeoutMs, signal } = options;
  const path = slotLockFile(place);
  const held = await mayWriteClaims(host, place)
    ? await takeLock(path, { timeoutMs, ...(signal === undefined ? {} : { signal }) })
    : await lockByFlock(host, path, options);
  if (held !== undefined) return held;
  throw new NixboxError(
    `the lock of the network slots was not free for ${timeoutMs / 1000} seconds`,
    {
      where: path,
      hint: `${await holderOf(host, path)}; wait for it, or end it`,
    },
  );
}

function flockArgv(path: string, seconds: number): readonly string[] {
  return ["flock", "-x", "-w", `${seconds}`, "-E", `${notFree}`, path];
}

/** What takes the lock where this user is not root, for those who want to know. */
export function lockCommand(place: SlotPlace): readonly string[] {
  return [...flockArgv(slotLockFile(place), 30), "sh", "-c", hold];
}

async function lockByFlock(
  host: Host,
  path: string,
  { timeoutMs, signal }: SlotLockOptions,
): Promise<HeldLock | undefined> {
  const [flock = "", ...words] = flockArgv(path, timeoutMs / 1000);
  const holder = `nixbox-${Deno.pid}-of-user-${host.user.uid}`;
  const argv = [rootProgram(flock), ...words, rootProgram("sh"), "-c", hold, holder];
  signal?.throwIfAborted();
  const child = makeCommand(host.privilege.asRoot(argv), {
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const errors = new Response(child.stderr).text();
  const letGo = () => void child.stdin.close().catch(() => {});
  // It is root's process, which cannot be ended from here: it ends by itself once it has the lock.
  signal?.addEventListener("abort", letGo);
  const reader = child.stdout.getReader();
  const { done } = await Promise.race([reader.read(), aborted(signal)]);
  signal?.removeEventListener("abort", letGo);
  signal?.throwIfAborted();
  if (!done) {
    const release = () => {
      letGo();
      void reader.cancel().catch(() => {});
    };
    return { release };
  }
  const { code } = await child.status;
  letGo();
  if (code === notFree) return undefined;
  throw new CommandError(argv, code, await errors);
}

/** flock's exit code for a lock that it did not get in time. */
const notFree = 75;

function aborted(signal: AbortSignal | undefined): Promise<{ done: true }> {
  return new Promise((resolve) => {
    signal?.addEventListener("abort", () => resolve({ done: true }), { once: true });
  });
}
