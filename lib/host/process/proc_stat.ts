import { readTextIfExists } from "../files/files.ts";
import type { ProcessIdentity } from "../host.ts";

let bootId: string | undefined;

/** The identity of a process by the text of its /proc/PID/stat; without one it is gone. */
export async function identityOf(
  pid: number,
  stat: string | undefined,
): Promise<ProcessIdentity | "unknown" | undefined> {
  if (stat === undefined) return undefined;
  const parsed = parseStat(stat);
  if (parsed === undefined) return "unknown";
  if (parsed.isZombie) return undefined;
  bootId ??= (await readTextIfExists("/proc/sys/kernel/random/boot_id") ?? "").trim();
  return { pid, startTime: `${bootId}/${parsed.startTicks}` };
}

/**
 * Parses /proc/PID/stat (proc_pid_stat(5)). The command name, field 2, may hold spaces and
 * parentheses, so fields are counted from the last ")": field 3 is the state, field 4 the parent, field
 * 22 the start time in clock ticks since boot.
 */
export function parseStat(
  stat: string,
): { isZombie: boolean; parent: number; startTicks: string } | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).trim().split(" ");
  const startTicks = fields[19];
  if (startTicks === undefined) return undefined;
  const isZombie = fields[0] === "Z" || fields[0] === "X";
  return { isZombie, parent: Number(fields[1]), startTicks };
}
