import type { ShellFunctions } from "./shell_functions.ts";

/** Nix's name of a system that nixbox runs on. */
export type NixSystem = "x86_64-linux" | "aarch64-linux" | "aarch64-darwin";

/** A process, told apart from a later one that got the same pid. */
export interface ProcessIdentity {
  /** The process id. */
  readonly pid: number;
  /** When the process started, as the OS writes it; only ever compared for equality. */
  readonly startTime: string;
}

/** What runs on this machine, as far as this user may see it. */
export interface ProcessTable {
  /**
   * The identity of a running pid; `undefined` if there is no such process, or it is a zombie;
   * `unknown` if there is one and the OS hides it (`hidepid`): that is not to be taken for dead.
   */
  identify(pid: number): Promise<ProcessIdentity | "unknown" | undefined>;
  /**
   * Pids of processes of one user (this one, unless another is said) that were started with
   * `variable=value` in their environment.
   */
  withEnvironment(variable: string, value: string, uid?: number): Promise<readonly number[]>;
  /** Pids of the processes of one user, by user id. */
  ownedBy(uid: number): Promise<readonly number[]>;
  /** The argv of a running process, whoever owns it; `undefined` if it is gone. */
  commandLine(pid: number): Promise<readonly string[] | undefined>;
  /** Memory that a process has in use now, in MiB; 0 if it is gone. */
  residentMB(pid: number): Promise<number>;
}

/** The user who runs nixbox. */
export interface UserFacts {
  /** Login name. */
  readonly name: string;
  /** User id. */
  readonly uid: number;
  /** Group id. */
  readonly gid: number;
  /** Home directory. */
  readonly home: string;
}

/** Where nixbox keeps its things for one user. */
export interface HostPaths {
  /** Records, logs and disks; survives a reboot. */
  readonly state: string;
  /** Sockets and pids, short enough for a socket path, mode 0700, checked to be ours. */
  readonly runtime: string;
  /** In memory where the OS has such a place: for the provisioning disk. Mode 0700. */
  readonly secrets: string;
  /** What can be made again. */
  readonly cache: string;
}

/** Memory in MiB. */
export interface MemoryFacts {
  /** All of this machine's. */
  readonly totalMB: number;
  /** What a new program could use now without swapping. */
  readonly availableMB: number;
}

/** What is known of a hypervisor's acceleration on this machine. */
export interface Acceleration {
  /** Whether a guest really runs with it. */
  readonly usable: boolean;
  /** Why not, or by what: one sentence for people. */
  readonly reason: string;
}

/** How many files one program may have open. */
export interface OpenFiles {
  /** At most, with `raise`. */
  readonly limit: number;
  /** What a command is put behind to get that; empty where it has it anyway. */
  readonly raise: readonly string[];
}

/**
 * How a guest is joined to this host: by a tap that the host filters, or by vsock alone, with a
 * network card only where it may reach everything.
 */
export type GuestLink = "tap" | "vsock";

/** How a program that talks to a guest is kept to one directory here. */
export type ConfinementKind = "namespace" | "seatbelt";

/** Runs single commands as root. Each call site is listed by `up --dry-run`. */
export interface Privilege {
  /** The argv that runs `argv` as root: itself for root, `sudo ...` for others. */
  asRoot(argv: readonly string[]): readonly string[];
}

/**
 * This machine: what it is and can do. Chosen once at start-up by `detectHost` and passed down, so
 * that nothing else asks which OS it is on, and a test can drive one OS's path on another.
 */
export interface Host {
  /** The operating system. */
  readonly os: "linux" | "darwin";
  /** Nix's name of this machine's system. */
  readonly nixSystem: NixSystem;
  /** Logical processors. */
  readonly cpus: number;
  /** How a guest is joined to it. */
  readonly guestLink: GuestLink;
  /** Who runs nixbox. */
  readonly user: UserFacts;
  /** Where nixbox keeps its things for this user. */
  readonly paths: HostPaths;
  /** What runs on this machine. */
  readonly processes: ProcessTable;
  /** How commands run as root. */
  readonly privilege: Privilege;
  /** How a shell asks this OS for what a machine's watch wants to know (shell_functions.ts). */
  readonly shellFunctions: ShellFunctions;
  /** What memory there is now. */
  memory(): MemoryFacts;
  /** Full path of a program by PATH and the usual system directories. */
  which(program: string): Promise<string | undefined>;
  /** Whether a guest can really run with hardware acceleration; probes, so it may take seconds. */
  acceleration(): Promise<Acceleration>;
  /** How many files a program of nixbox's may have open here. */
  openFiles(): Promise<OpenFiles>;
  /**
   * What a command is put behind so that a filter of system calls holds for it; the filter's file
   * comes after these words. `undefined` where the OS has none.
   */
  callFilter(): Promise<readonly string[] | undefined>;
  /** Whether an unprivileged process may make a user namespace and mount in it. */
  userNamespaces(): Promise<boolean>;
  /** How a program is confined to one directory here; `undefined` where it cannot be. */
  confinement(): Promise<ConfinementKind | undefined>;
  /** The IPv4 address that the OS itself gave to the guest with this MAC; `undefined` if none is known. */
  addressOf(mac: string): Promise<string | undefined>;
  /** The OS' name and version, as "macOS 15.1" or "Debian GNU/Linux 13 (trixie)". */
  version(): Promise<string>;
  /** Free space in MiB for this user on the file system of a path. */
  freeSpaceMB(path: string): Promise<number>;
}
