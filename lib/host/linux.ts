import type { Host, HostPaths, NixSystem, OpenFiles, ProcessTable, UserFacts } from "./host.ts";
import { run } from "./process.ts";
import { privilegeOf } from "./privilege.ts";
import { basePaths, findProgram, freeSpaceMB, memoryFacts } from "./common.ts";
import { readTextIfExists } from "./files.ts";

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
  return {
    os: "linux",
    guestLink: "tap",
    nixSystem: nixSystemOf(Deno.build.arch),
    cpus: navigator.hardwareConcurrency,
    user,
    paths: linuxPaths(user, (name) => Deno.env.get(name)),
    processes: linuxProcesses(),
    privilege: privilegeOf(user.uid),
    memory: memoryFacts,
    which: (program) => findProgram(program, systemDirectories),
    acceleration: async () => await (await import("./kvm.ts")).probeKvm(),
    openFiles: () => openFiles(user.uid),
    callFilter: async () => await (await import("./call_filter.ts")).callFilterWords(),
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

/** A session's runtime directory is in memory; where there is none, /dev/shm is, and /tmp need not be. */
export function linuxPaths(
  user: UserFacts,
  env: (name: string) => string | undefined,
): HostPaths {
  return basePaths(user, env, `/dev/shm/nixbox-${user.uid}`);
}

function linuxProcesses(): ProcessTable {
  let bootId: string | undefined;
  return {
    async identify(pid) {
      const stat = await readProc(`/proc/${pid}/stat`);
      const parsed = stat === undefined ? undefined : parseStat(stat);
      if (parsed === undefined || parsed.isZombie) return undefined;
      bootId ??= (await readTextIfExists("/proc/sys/kernel/random/boot_id") ?? "").trim();
      return { pid, startTime: `${bootId}/${parsed.startTicks}` };
    },
    async withEnvironment(variable, value) {
      const pids: number[] = [];
      for await (const entry of Deno.readDir("/proc")) {
        if (!/^\d+$/.test(entry.name)) continue;
        const environment = await readProc(`/proc/${entry.name}/environ`);
        if (environment?.split("\0").includes(`${variable}=${value}`)) {
          pids.push(Number(entry.name));
        }
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

/**
 * Parses /proc/PID/stat (proc_pid_stat(5)). The command name, field 2, may hold spaces and
 * parentheses, so fields are counted from the last ")": field 3 is the state, field 22 the start
 * time in clock ticks since boot.
 */
export function parseStat(stat: string): { isZombie: boolean; startTicks: string } | undefined {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).trim().split(" ");
  const startTicks = fields[19];
  if (startTicks === undefined) return undefined;
  return { isZombie: fields[0] === "Z" || fields[0] === "X", startTicks };
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
    const { code } = await run([...raise, "true"], { accept: "any" });
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
    await run([...probe, "mount", "-t", "tmpfs", "-o", "ro,size=4k", "none", "/tmp"]);
    return true;
  } catch {
    return false;
  }
}
