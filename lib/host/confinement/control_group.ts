import { runAsRoot } from "../root/as_root.ts";
import { exists, readTextIfExists } from "../files/files.ts";
import type { Host, ProcessIdentity } from "../host.ts";

/**
 * Who makes control groups here: systemd (one scope for each machine), nobody else (a group is
 * made by hand), or there are none that hold.
 */
export type GroupManager = "systemd" | "cgroup" | "none";

/** What a machine's programs may take together (cgroup v2). */
export interface ControlGroup {
  /** Who makes it. */
  readonly manager: GroupManager;
  /** A name that no other machine has at the time: letters, digits and hyphens. */
  readonly name: string;
  /** `memory.max`, in MiB; as much again may be swapped out. */
  readonly memoryMB: number;
  /** `pids.max`: processes and threads. */
  readonly tasks: number;
  /** `cpu.weight` and `io.weight`, from 1 to 10,000; everything else has 100. */
  readonly weight: number;
}

const cgroups = "/sys/fs/cgroup";
const parent = "nixbox";

let found: Promise<GroupManager> | undefined;

/** What there is on this host; the answer stays. */
export function groupManager(): Promise<GroupManager> {
  return found ??= findManager(cgroups, "/run/systemd/system");
}

/** @param systemd What is there where systemd is the first process (sd_booted(3)). */
export async function findManager(root: string, systemd: string): Promise<GroupManager> {
  const text = await readTextIfExists(`${root}/cgroup.controllers`) ?? "";
  const controllers = text.trim().split(" ");
  if (!["memory", "pids"].every((name) => controllers.includes(name))) return "none";
  return await exists(systemd) ? "systemd" : "cgroup";
}

// A fixed script. Arguments: the group's directory, its limits as in the files, process ids up to "--", the
// command. A group without a controller for processors or disks is a group all the same.
const makeGroup = "top=$1 name=$2 memory=$3 tasks=$4 weight=$5; shift 5; " +
  `group=$top/${parent}/$name; mkdir -p "$group" || exit 1; ` +
  'for one in memory pids cpu io; do for at in "$top" "$top/' + parent + '"; do ' +
  'echo "+$one" >"$at/cgroup.subtree_control"; done; done 2>/dev/null; ' +
  'echo "$memory" >"$group/memory.max" && echo "$tasks" >"$group/pids.max" || exit 1; ' +
  'echo "$memory" >"$group/memory.swap.max"; ' +
  'echo "$weight" >"$group/cpu.weight"; echo "default $weight" >"$group/io.weight"; ';

// Those that run already join the group of this process.
const ownGroup = `group=${cgroups}$(sed -n s/^0:://p /proc/self/cgroup); `;

// One that has ended meanwhile does not matter.
const join =
  'while [ "$1" != -- ]; do echo "$1" >"$group/cgroup.procs"; shift; done 2>/dev/null; ' +
  'shift; exec "$@"';

/**
 * The command, root's, that runs `argv` and all that it starts in a control group.
 *
 * @param others Process ids that join the group.
 */
export function inControlGroup(
  group: ControlGroup,
  others: readonly number[],
  argv: readonly string[],
): readonly string[] {
  const { manager, name, memoryMB, tasks, weight } = group;
  const pids = [...others.map(String), "--"];
  switch (manager) {
    case "none":
      return argv;
    case "systemd": {
      const properties = [
        `MemoryMax=${memoryMB}M`,
        `MemorySwapMax=${memoryMB}M`,
        `TasksMax=${tasks}`,
      ];
      const weights = [`CPUWeight=${weight}`, `IOWeight=${weight}`];
      return [
        ...["systemd-run", "--scope", "--quiet", "--collect", `--unit=nixbox-${name}`],
        ...[
          "--slice=nixbox.slice",
          ...[...properties, ...weights].map((one) => `--property=${one}`),
        ],
        ...["--", "sh", "-c", ownGroup + join, "sh", ...pids, ...argv],
      ];
    }
    case "cgroup":
      return [
        ...["sh", "-c", `${makeGroup}echo $$ >"$group/cgroup.procs" || exit 1; ${join}`, "sh"],
        ...[cgroups, name, `${memoryMB * 1024 * 1024}`, `${tasks}`, `${weight}`, ...pids, ...argv],
      ];
  }
}

/** The name of the group of a network slot's machine. */
export function groupName(slot: number): string {
  return `slot${slot}`;
}

/** Has a process join the group of another that runs, if that is in one of nixbox's. */
export async function joinGroupOf(
  host: Pick<Host, "privilege">,
  member: Pick<ProcessIdentity, "pid"> | undefined,
  process: Pick<ProcessIdentity, "pid">,
): Promise<void> {
  if (member === undefined) return;
  const file = groupFile(await readTextIfExists(`/proc/${member.pid}/cgroup`) ?? "");
  if (file !== undefined) await runAsRoot(host, ["tee", file], `${process.pid}\n`);
}

/** Removes a slot's group that was made by hand, once its processes have ended; systemd removes its own. */
export async function removeGroup(host: Pick<Host, "privilege">, slot: number): Promise<void> {
  const directory = `${cgroups}/${parent}/${groupName(slot)}`;
  if (!await exists(directory)) return;
  await runAsRoot(host, ["rmdir", directory], undefined, { accept: "any" });
}

/**
 * The file by which another process joins the group of one that runs, if that is one of nixbox's.
 *
 * @param text Its /proc/PID/cgroup (cgroups(7)).
 */
export function groupFile(text: string): string | undefined {
  const path = /^0::(\/.*)$/m.exec(text)?.[1];
  if (path === undefined || !/^\/nixbox(\.slice)?\//.test(path)) return undefined;
  return `${cgroups}${path}/cgroup.procs`;
}
