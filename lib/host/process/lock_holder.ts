import type { Host } from "../host.ts";
import { readTextIfExists } from "../files/files.ts";
import { printableCommand } from "./run.ts";

/** Most that is told of a holder's command line. */
const mostCharacters = 120;

/** Who holds the flock(2) of a file, in words. */
export async function holderOf(host: Pick<Host, "processes">, path: string): Promise<string> {
  const pid = await holdersPid(path);
  if (pid === undefined) return `nobody says who holds it; root may see it: \`sudo fuser ${path}\``;
  const words = await host.processes.commandLine(pid) ?? [];
  const command = printableCommand(words).slice(0, mostCharacters);
  return `process ${pid} of ${await userOf(pid)} holds it${command === "" ? "" : ` (${command})`}`;
}

async function holdersPid(path: string): Promise<number | undefined> {
  try {
    const { ino } = await Deno.lstat(path);
    const locks = await readTextIfExists("/proc/locks");
    return ino === null || locks === undefined ? undefined : pidInLocks(locks, ino);
  } catch {
    return undefined;
  }
}

/**
 * The pid that holds the flock of an inode, by /proc/locks (proc_locks(5)): "1: FLOCK ADVISORY WRITE
 * PID MAJOR:MINOR:INODE 0 EOF". A waiting one has "->" after the number.
 */
export function pidInLocks(locks: string, inode: number): number | undefined {
  for (const line of locks.split("\n")) {
    const [, kind, , , pid, place] = line.trim().split(/\s+/);
    if (kind !== "FLOCK" || place?.split(":")[2] !== `${inode}`) continue;
    const number = Number(pid);
    if (Number.isInteger(number) && number > 0) return number;
  }
  return undefined;
}

async function userOf(pid: number): Promise<string> {
  try {
    const { uid } = await Deno.stat(`/proc/${pid}`);
    const line = (await readTextIfExists("/etc/passwd") ?? "").split("\n")
      .find((text) => text.split(":")[2] === `${uid}`);
    return line?.split(":")[0] ?? `user ${uid}`;
  } catch {
    return "another user";
  }
}
