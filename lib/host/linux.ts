import type { Host, HostPaths, NixSystem, OpenFiles, ProcessTable, UserFacts } from "./host.ts";
import { run, toolMs } from "./process/run.ts";
import { identityOf } from "./process/proc_stat.ts";
import { privilegeOf } from "./root/privilege.ts";
import { basePaths, freeSpaceMB, memoryFacts } from "./common.ts";
import { findProgram, openDoor } from "./process/programs.ts";
import { readTextIfExists } from "./files/files.ts";
import { linuxFunctions } from "./shell_functions.ts";
import { usersDirectory } from "./root/runtime_directory.ts";

/** Directories with programs that are often not on an ordinary user's PATH. */
const systemDirectories = [
  "/usr/sbin",
  "/sbin",
  "/usr/local/sbin",
  "/usr/libexec",
  "/usr/lib/qemu",
];

export function detectLinux(): Host {
  const user = readUser();
  openDoor(systemDirectories);
  return {
    os: "linux",
    guestLink: "tap",
    nixSystem: nixSystemOf(Deno.build.arch),
    cpus: navigator.hardwareConcurrency,
    user,
    paths: linuxPaths(user, (name) => Deno.env.get(name)),
    processes: linuxProcesses(user.uid),
    privilege: privilegeOf(user.uid),
    shellFunctions: linuxFunctions,
    memory: memoryFacts,
    which: (program) => Promise.resolve(findProgram(program)),
    acceleration: async () => await (await import("./kvm.ts")).probeKvm(),
    openFiles: () => openFiles(user.uid),
    callFilter: async () => await (await import("./confinement/call_filter.ts")).callFilterWords(),
    userNamespaces: isNamespaceAllowed,
    confinement: async () => await isNamespaceAllowed() ? "namespace" : undefined,
    // Its own DHCP server of each machine gives what its slot says.
    addressOf: () => Promise.resolve(undefined),
    version: async () => systemName(await readTextIfExists("/etc/os-release") ?? ""),
    freeSpaceMB,
  };
}

function nixSystemOf(arch: string): NixSystem {
  return arch === "aarch64" ? "aarch64-linux" : "x86_64-linux";
}

function readUser(): UserFacts {
  const uid = Deno.uid() ?? 0;
  const line = Deno.readTextFileSync("/etc/passwd").split("\n")
    .map((text) => text.split(":")).find((fields) => fields[2] === `${uid}`);
  return {
    uid,
    gid: Deno.gid() ?? 0,
    // A user of a directory service is not in the file.
    name: line?.[0] ?? Deno.env.get("USER") ?? `${uid}`,
    home: Deno.env.get("HOME") ?? line?.[5] ?? "/",
  };
}

/**
 * Without a session root makes a directory for the user, which nobody else can make first. Secrets go
 * there too where it is in memory, as on every system with systemd; else into /dev/shm.
 */
export function linuxPaths(
  user: UserFacts,
  env: (name: string) => string | undefined,
  isRunInMemory: () => boolean = () => isInMemory("/run"),
): HostPaths {
  return basePaths(user, env, () => {
    const runtime = `${usersDirectory}/${user.uid}`;
    return { runtime, secrets: isRunInMemory() ? runtime : `/dev/shm/nixbox-${user.uid}` };
  });
}

function isInMemory(path: string): boolean {
  try {
    return isMountInMemory(Deno.readTextFileSync("/proc/self/mounts"), path);
  } catch {
    return false;
  }
}

/** Whether something in memory is mounted right at a path, by /proc/self/mounts (fstab(5)'s fields). */
export function isMountInMemory(mounts: string, path: string): boolean {
  const last = mounts.split("\n").map((line) => line.split(" "))
    .findLast(([, at]) => at === path);
  return last?.[2] === "tmpfs" || last?.[2] === "ramfs";
}

function linuxProcesses(self: number): ProcessTable {
  return {
    async identify(pid) {
      const stat = await readProc(`/proc/${pid}/stat`);
      if (stat === undefined) return await isRunning(pid) ? "unknown" : undefined;
      return await identityOf(pid, stat);
    },
    async withEnvironment(variable, value, uid = self) {
      const pids: number[] = [];
      for await (const entry of Deno.readDir("/proc")) {
        if (!/^\d+$/.test(entry.name)) continue;
        const environment = await readProc(`/proc/${entry.name}/environ`);
        if (environment?.split("\0").includes(`${variable}=${value}`) !== true) continue;
        // Root reads everybody's: another user's process may say what it likes.
        if (await realUserOf(entry.name) === uid) pids.push(Number(entry.name));
      }
      return pids;
    },
    async ownedBy(uid) {
      const pids: number[] = [];
      for await (const entry of Deno.readDir("/proc")) {
        if (!/^\d+$/.test(entry.name)) continue;
        if (await ownerOf(`/proc/${entry.name}`) === uid) pids.push(Number(entry.name));
      }
      return pids;
    },
    async commandLine(pid) {
      const text = await readProc(`/proc/${pid}/cmdline`);
      return text?.split("\0").slice(0, -1);
    },
    async residentMB(pid) {
      const status = await readProc(`/proc/${pid}/status`);
      const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(status ?? "")?.[1];
      return Math.floor(Number(kilobytes ?? 0) / 1024);
    },
  };
}

/** By proc_pid_status(5): "Uid: REAL EFFECTIVE SAVED FILESYSTEM". */
async function realUserOf(pid: string): Promise<number | undefined> {
  const uid = /^Uid:\s+(\d+)/m.exec(await readProc(`/proc/${pid}/status`) ?? "")?.[1];
  return uid === undefined ? undefined : Number(uid);
}

/** Whether there is such a process, by kill(2) with signal 0, from which `hidepid` hides none. */
async function isRunning(pid: number): Promise<boolean> {
  // Loaded only here: Deno.kill takes no signal 0.
  const { default: process } = await import("node:process");
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: there is one, of another user. Only ESRCH says that there is none.
    return !(error instanceof Error && Reflect.get(error, "code") === "ESRCH");
  }
}

async function ownerOf(path: string): Promise<number | null> {
  try {
    return (await Deno.stat(path)).uid;
  } catch {
    return null;
  }
}

/** A process may end, or be another user's, at any moment: both read as absent. */
async function readProc(path: string): Promise<string | undefined> {
  try {
    return await Deno.readTextFile(path);
  } catch {
    return undefined;
  }
}

/** What virtiofsd asks for by itself. */
const mostOpenFiles = 1_000_000;

/**
 * The hard limit (getrlimit(2)): a program raises its soft one by itself. Root may raise the hard one
 * too, unless a container keeps that right from it.
 */
async function openFiles(uid: number): Promise<OpenFiles> {
  const limit = hardLimitOf(await readTextIfExists("/proc/self/limits") ?? "");
  if (uid !== 0 || limit >= mostOpenFiles) return { limit, raise: [] };
  const kernels = Number((await readTextIfExists("/proc/sys/fs/nr_open"))?.trim() ?? mostOpenFiles);
  const wanted = Math.min(mostOpenFiles, kernels);
  const raise = ["prlimit", `--nofile=${wanted}:${wanted}`];
  try {
    const { code } = await run([...raise, "true"], { accept: "any", timeoutMs: toolMs });
    if (code === 0) return { limit: wanted, raise };
  } catch {
    // No prlimit: the limit stays what it is.
  }
  return { limit, raise: [] };
}

/** Reads "Max open files  SOFT  HARD  files" of /proc/PID/limits (proc_pid_limits(5)). */
export function hardLimitOf(limits: string): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === "unlimited" ? Infinity : Number(hard ?? 0);
}

/** The PRETTY_NAME of an os-release text (os-release(5)). */
export function systemName(release: string): string {
  return /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(release)?.[1] ?? "Linux";
}

/** What the kernel says to the probe; it is asked once. */
let userNamespaces: Promise<boolean> | undefined;

function isNamespaceAllowed(): Promise<boolean> {
  return userNamespaces ??= canMountInUserNamespace();
}

async function canMountInUserNamespace(): Promise<boolean> {
  const probe = ["unshare", "--user", "--map-root-user", "--mount"];
  try {
    await run([...probe, "mount", "-t", "tmpfs", "-o", "ro,size=4k", "none", "/tmp"], {
      timeoutMs: toolMs,
    });
    return true;
  } catch {
    return false;
  }
}
