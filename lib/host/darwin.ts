import type { Acceleration, Host, HostPaths, ProcessTable, UserFacts } from "./host.ts";
import { NixboxError } from "../base/error.ts";
import { basePaths, freeSpaceMB, memoryFacts } from "./common.ts";
import { findProgram, openDoor } from "./process/programs.ts";
import { readTextIfExists } from "./files/files.ts";
import { addressInLeases, addressInNeighbours } from "./darwin_leases.ts";
import { privilegeOf } from "./root/privilege.ts";
import { type Finished, run } from "./process/run.ts";
import { darwinFunctions } from "./shell_functions.ts";

/** What the module asks of the machine it is on; a test puts recorded answers in its place. */
export interface DarwinSystem {
  /** Deno's name of the processor's architecture. */
  readonly arch: string;
  readonly env: (name: string) => string | undefined;
  /** Runs a program and takes any exit code. */
  readonly ask: (argv: readonly string[]) => Promise<Finished>;
  readonly readFile: (path: string) => Promise<string | undefined>;
}

/** The machine that this runs on. */
export const thisMac: DarwinSystem = {
  arch: Deno.build.arch,
  env: (name) => Deno.env.get(name),
  ask: (argv) => run(argv, { accept: "any", timeoutMs: 10_000 }),
  readFile: readTextIfExists,
};

/** Directories with programs that are often not on PATH: the system's own, Homebrew's, Nix's. */
const systemDirectories = [
  ...["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/libexec"],
  ...["/opt/homebrew/bin", "/opt/homebrew/opt/e2fsprogs/sbin", "/nix/var/nix/profiles/default/bin"],
];

/** The group admin, whose members may use sudo: Homebrew's directories are theirs to write. */
const administrators = [80];

/**
 * The runtime module for macOS on Apple silicon. It runs in tests on recorded answers and stand-ins;
 * the README's platform table says what was not run on a Mac.
 */
export function detectDarwin(system: DarwinSystem = thisMac): Host {
  // Rosetta shows a translated program an Intel processor: that is told apart in `acceleration`.
  if (system.arch !== "aarch64") {
    throw new NixboxError("nixbox on macOS needs Apple silicon", {
      hint: "on Apple silicon, install Deno for aarch64: this one is for Intel, and translated",
    });
  }
  openDoor(systemDirectories, administrators);
  const user: UserFacts = {
    name: system.env("USER") ?? "nixbox",
    uid: Deno.uid() ?? 501,
    gid: Deno.gid() ?? 20,
    home: system.env("HOME") ?? "/",
  };
  return {
    os: "darwin",
    guestLink: "vsock",
    nixSystem: "aarch64-darwin",
    cpus: navigator.hardwareConcurrency,
    user,
    paths: darwinPaths(user, system.env),
    processes: darwinProcesses(system),
    privilege: privilegeOf(user.uid),
    shellFunctions: darwinFunctions,
    memory: memoryFacts,
    which: (program) => Promise.resolve(findProgram(program)),
    acceleration: () => acceleration(system),
    openFiles: async () => ({
      limit: Number(await sysctl(system, "kern.maxfilesperproc")) || 10_240,
      raise: [],
    }),
    callFilter: () => Promise.resolve(undefined),
    userNamespaces: () => Promise.resolve(false),
    confinement: () =>
      Promise.resolve(findProgram("sandbox-exec") === undefined ? undefined : "seatbelt"),
    addressOf: (mac) => addressOf(system, mac),
    async version() {
      const { stdout } = await system.ask(["sw_vers", "-productVersion"]);
      return `macOS ${stdout.trim() || "(unknown)"}`;
    },
    freeSpaceMB,
  };
}

/**
 * /tmp is swept daily of what nobody has touched for three days (tmp_cleaner), and $TMPDIR is half of
 * what a socket's path may have: without a session's directory, sockets go beside the records.
 */
function darwinPaths(user: UserFacts, env: (name: string) => string | undefined): HostPaths {
  return basePaths(user, env, (state) => ({ runtime: `${state}/run`, secrets: `${state}/run` }));
}

/** A value of the kernel's; empty where there is no such name. */
async function sysctl(system: DarwinSystem, name: string): Promise<string> {
  const { code, stdout } = await system.ask(["sysctl", "-n", name]);
  return code === 0 ? stdout.trim() : "";
}

/**
 * kern.hv_support is 1 where Hypervisor.framework works; kern.hv_vmm_present is 1 in a virtual
 * machine, whose Mac seldom lends it.
 */
async function acceleration(system: DarwinSystem): Promise<Acceleration> {
  if (await sysctl(system, "kern.hv_support") === "1") {
    return { usable: true, reason: "Virtualization.framework" };
  }
  const isGuest = await sysctl(system, "kern.hv_vmm_present") === "1";
  return {
    usable: false,
    reason: isGuest
      ? "this Mac is a virtual machine itself, without nested virtualization"
      : "this Mac has no virtualization (kern.hv_support is not 1)",
  };
}

/** bootpd, which serves vmnet's networks, writes down whom it gave what; else the neighbours tell. */
async function addressOf(system: DarwinSystem, mac: string): Promise<string | undefined> {
  const leases = await system.readFile("/var/db/dhcpd_leases").catch(() => undefined) ?? "";
  const leased = addressInLeases(leases, mac, Math.floor(Date.now() / 1000));
  if (leased !== undefined) return leased;
  const { stdout } = await system.ask(["arp", "-an"]);
  return addressInNeighbours(stdout, mac);
}

/** One `-o` for each keyword: with `=` some of BSD's ps take the rest of the word for a heading. */
function darwinProcesses(system: DarwinSystem): ProcessTable {
  return {
    async identify(pid) {
      // It writes times in the caller's language and zone: the same process must look the same to all.
      const plain = ["/usr/bin/env", "LC_ALL=C", "TZ=UTC0"];
      const argv = [...plain, "ps", "-o", "stat=", "-o", "lstart=", "-p", `${pid}`];
      const { code, stdout, stderr } = await system.ask(argv);
      const [state = "", ...start] = stdout.trim().split(/\s+/);
      // Of a pid that is nobody's it says nothing at all. Any other failure must not look like that:
      // a machine would be taken for dead.
      if (code === 1 && stdout.trim() === "" && stderr.trim() === "") return undefined;
      if (code !== 0 || start.length === 0) {
        throw new NixboxError(`ps does not tell whether process ${pid} runs`, {
          log: [stderr.trim() || stdout.trim()],
        });
      }
      return state.startsWith("Z") ? undefined : { pid, startTime: start.join(" ") };
    },
    async withEnvironment(variable, value) {
      // -E appends the environment to the command (ps(1)). Apple's own programs hide theirs: what
      // nixbox starts of those (ssh, sftp-server) ends with the machine's connection.
      const { stdout } = await system.ask(["ps", "-axwwE", "-o", "pid=", "-o", "command="]);
      return stdout.split("\n")
        .filter((line) => line.split(/\s+/).includes(`${variable}=${value}`))
        .map((line) => Number.parseInt(line, 10));
    },
    async ownedBy(uid) {
      const { stdout } = await system.ask(["ps", "-ax", "-o", "pid=", "-o", "uid="]);
      return stdout.split("\n").map((line) => line.trim().split(/\s+/).map(Number))
        .flatMap(([pid, owner]) => pid !== undefined && owner === uid ? [pid] : []);
    },
    async commandLine(pid) {
      const { code, stdout } = await system.ask(["ps", "-ww", "-o", "command=", "-p", `${pid}`]);
      return code === 0 && stdout.trim() !== "" ? stdout.trim().split(" ") : undefined;
    },
    async residentMB(pid) {
      // In KiB (ps(1)).
      const { stdout } = await system.ask(["ps", "-o", "rss=", "-p", `${pid}`]);
      return Math.floor(Number(stdout.trim()) / 1024);
    },
  };
}
