/** Where a project is. All paths are real (no symlinks) and absolute. */
export interface Project {
  /** 12 hex digits of the SHA-256 of `directory`: names everything that belongs to the project. */
  readonly id: string;
  /** The directory that holds `.nixbox/`. */
  readonly directory: string;
  /** `directory/.nixbox` */
  readonly configDirectory: string;
  /** `directory/.nixbox/config.nix` */
  readonly configFile: string;
}

/** What a guest may reach: the public internet, the config's domains alone, or nothing. */
export type NetworkMode = "open" | "filtered" | "off";
/** The config's word for a hypervisor. */
export type HypervisorChoice = "auto" | "cloud-hypervisor" | "qemu" | "vfkit";

/** Where a variable's value comes from at `up`, so that it never passes through Nix. */
export type EnvSource =
  /** What a command prints, run in the project's directory. */
  | { readonly command: readonly string[] }
  /** What is in a file; absolute. */
  | { readonly file: string }
  /** A variable of the caller's. */
  | { readonly fromEnv: string };

/** A variable's value, or where it comes from. */
export type EnvValue = string | EnvSource;

/** The resolved configuration: what nix/resolve.nix gives, as schema.ts has checked it. */
export interface Config {
  /** Host name of the guest, and what the machine is called. */
  readonly name: string;
  /** What the machine gets of the host; memory in MiB, disk in GiB. */
  readonly resources: {
    readonly vcpus: number;
    readonly memoryMB: number;
    readonly diskGB: number;
  };
  /** `auto` takes the fastest that really works on this host. */
  readonly hypervisor: HypervisorChoice;
  /**
   * `source` absolute on the host; `target` absolute, or starting with `~/`, in the guest. With
   * `overlay` the guest may change what it sees, in its own memory only. One that is `optional` is
   * left out where the host has no such directory.
   */
  readonly mounts: readonly {
    readonly source: string;
    readonly target: string;
    readonly readonly: boolean;
    readonly overlay: boolean;
    readonly optional?: boolean | undefined;
    /** Names below it that the guest sees and cannot change or make; a default where absent. */
    readonly protect?: readonly string[] | undefined;
    /** Names below it: the guest sees only these. For what it cannot change on the host. */
    readonly only?: readonly string[] | undefined;
  }[];
  /** What the guest may reach. */
  readonly network: {
    readonly mode: NetworkMode;
    readonly domains: readonly string[];
    readonly ports: readonly number[];
    /** `filtered`: look at the names in TLS and HTTP too, on 443 and 80. */
    readonly inspect: boolean;
    /** TCP ports of the host that the guest may reach. */
    readonly allowHost: readonly number[];
    /** Private ranges, in CIDR notation, that the guest may reach. */
    readonly allowPrivate: readonly string[];
    /** Upstream resolvers instead of the host's own. */
    readonly dns: readonly string[];
  };
  /** macOS: whether programs for x86_64 run in the guest, by Apple's Rosetta. */
  readonly rosetta: boolean;
  /** Variables of the guest; values may be secrets. */
  readonly env: Readonly<Record<string, EnvValue>>;
  /** `path` absolute on the host, in order of plugins, then the user's. */
  readonly scripts: readonly { readonly path: string; readonly optional: boolean }[];
  /** Lines of shell that run on the host. */
  readonly hooks: Readonly<
    Record<"pre-up" | "post-up" | "pre-down" | "post-down", readonly string[]>
  >;
  /** Plugins in use, in order: name and where they are. */
  readonly plugins: readonly { readonly name: string; readonly path: string }[];
  /** What is built into the guest: names of packages and of libraries for nix-ld, and modules. */
  readonly nix: {
    readonly packages: readonly string[];
    readonly ldLibraries: readonly string[];
    /** Absolute paths of NixOS modules. */
    readonly modules: readonly string[];
  };
  /** The guest's login name. */
  readonly user: string;
}
