import type { ProcessIdentity } from "../host/host.ts";
import type { Protection } from "../share/covers.ts";
import type { NetworkPolicy } from "../network/policy/policy.ts";
import type { HypervisorName } from "../runner/view.ts";
import {
  type Check,
  isArrayOf,
  isBoolean,
  isEither,
  isInteger,
  isNumber,
  isObjectOf,
  isOneOf,
  isOptional,
  isString,
} from "../base/type_guards.ts";

/** A directory that a machine shares. */
export interface ShareRecord {
  /** The device's id at the hypervisor, and the name of its log. */
  readonly id: string;
  /** The virtiofs tag. */
  readonly tag: string;
  /** Real path on the host. */
  readonly source: string;
  /** Where the guest has it; absent for a share of the runner's own (its Nix store). */
  readonly target?: string | undefined;
  /** "DEVICE:INODE" of the source, as it was when it was looked at. */
  readonly identity: string;
  /** Whether the host refuses every change. */
  readonly readonly: boolean;
  /** Whether the guest may change what it sees, in its own memory only. */
  readonly overlay: boolean;
  /** How it reaches the guest: as a device, or over the SSH connection. */
  readonly via: "virtiofs" | "sshfs";
  /** Directories in it that the guest sees empty. */
  readonly masks: readonly string[];
  /** What it sees and cannot change; absent where there is nothing of the kind. */
  readonly protection?: Protection | undefined;
  /** Names in it: the guest sees only these; absent where it sees all. */
  readonly only?: readonly string[] | undefined;
  /** `changing` while it comes or goes, or after a program that did that was killed. */
  readonly state: "ready" | "changing";
  /** Where its virtiofsd listens; for sshfs, the directory that its server is confined to. */
  readonly socket: string;
}

/** One that the guest was asked to mount, unlike a share of the runner's own. */
export type TargetedShare = ShareRecord & {
  /** Where the guest has it. */
  readonly target: string;
};

/** How a guest on a tap of this host's is reached: Linux. */
export interface TapNetwork {
  /** Tells it from the other. */
  readonly kind: "tap";
  /** What the guest may reach now. */
  readonly policy: NetworkPolicy;
  /** Number of its network slot. */
  readonly slot: number;
  /** Name of its tap. */
  readonly tap: string;
  /** Name of its table of rules. */
  readonly table: string;
  /** Of its network card. */
  readonly mac: string;
  /** The host's address on the tap. */
  readonly gateway: string;
  /** The guest's address. */
  readonly address: string;
}

/** How a guest that is reached over vsock alone is: macOS. */
export interface VsockNetwork {
  /** Tells it from the other. */
  readonly kind: "vsock";
  /** What the guest may reach now. */
  readonly policy: NetworkPolicy;
  /** Of its network card, which it has in mode `open` only. */
  readonly mac: string;
  /** The Unix socket that leads to the guest's sshd. */
  readonly sshSocket: string;
}

/**
 * What is known of one machine, kept as JSON in the state directory. It is written before what it
 * names is made, so that everything can be torn down whatever happened to the program that made it.
 */
export interface VmRecord {
  /** The version of this format. */
  readonly version: 3;
  /** The project's id. */
  readonly id: string;
  /** The config's `name`. */
  readonly name: string;
  /** Real path of the project's directory. */
  readonly project: string;
  /** What nixbox last meant to do with it. */
  readonly state: "starting" | "running" | "stopping";
  /** Milliseconds since 1970. */
  readonly startedAt: number;
  /** The `nixbox up` that is starting it. */
  readonly starter: ProcessIdentity;
  /** The `nixbox down` that is stopping it. */
  readonly stopper?: ProcessIdentity | undefined;
  /** The program that runs it. */
  readonly hypervisor: HypervisorName;
  /** Whether the processor's virtualization is used. */
  readonly acceleration: "hardware" | "emulation";
  /** Its vCPUs. */
  readonly cpus: number;
  /** Its memory, in MiB. */
  readonly memoryMB: number;
  /** Hash of the build that it runs; `prebuilt` for `up --runner`. */
  readonly build: string;
  /** Where its sockets are. */
  readonly runtimeDirectory: string;
  /** Where its provisioning disk is, until it has booted. */
  readonly secretsDirectory: string;
  /** The hypervisor's control socket. */
  readonly apiSocket: string;
  /** The hypervisor, once it was started. */
  readonly vmm?: ProcessIdentity | undefined;
  /** What stays beside the hypervisor: it cuts logs, and stops the machine where it lacks room. */
  readonly watch?: ProcessIdentity | undefined;
  /** What serves each share, by the share's id: a virtiofsd, or the leader of an sshfs's processes. */
  readonly servers: readonly { readonly id: string; readonly process: ProcessIdentity }[];
  /** What it shares. */
  readonly shares: readonly ShareRecord[];
  /** The number of the next share: none is given twice, since a device may outlast its share. */
  readonly nextShare: number;
  /** How it is reached, and what it may reach. */
  readonly network: TapNetwork | VsockNetwork;
  /** Who its user is. */
  readonly guest: { readonly user: string; readonly home: string };
  /**
   * As they were when the machine went up, with the files that they may run: what the host runs later
   * was accepted then.
   */
  readonly hooks: {
    readonly preDown: readonly string[];
    readonly postDown: readonly string[];
    /** Real paths, and the SHA-256 of their contents. */
    readonly files?: readonly { readonly path: string; readonly hash: string }[] | undefined;
  };
}

/** Tells a share that the guest was asked to mount. */
export function hasTarget(share: ShareRecord): share is TargetedShare {
  return share.target !== undefined;
}

/** A machine on a tap. */
export type TapRecord = VmRecord & { readonly network: TapNetwork };

/** A machine that is reached over vsock. */
export type VsockRecord = VmRecord & { readonly network: VsockNetwork };

/** Tells a machine on a tap. */
export function hasTap(record: VmRecord): record is TapRecord {
  return record.network.kind === "tap";
}

/** Tells a machine that is reached over vsock. */
export function hasVsock(record: VmRecord): record is VsockRecord {
  return record.network.kind === "vsock";
}

/** A process as it is written down. */
export const isIdentity: Check<ProcessIdentity> = isObjectOf<ProcessIdentity>({
  pid: isInteger,
  startTime: isString,
});

const isProtection = isObjectOf<Protection>({
  sealed: isArrayOf(isString),
  open: isArrayOf(isString),
  placeholders: isArrayOf(isString),
  names: isArrayOf(isString),
});

const isShare = isObjectOf<ShareRecord>({
  id: isString,
  tag: isString,
  source: isString,
  identity: isString,
  target: isOptional(isString),
  readonly: isBoolean,
  overlay: isBoolean,
  via: isOneOf("virtiofs", "sshfs"),
  masks: isArrayOf(isString),
  protection: isOptional(isProtection),
  only: isOptional(isArrayOf(isString)),
  state: isOneOf("ready", "changing"),
  socket: isString,
});

/** A policy as it is written down. */
export const isPolicy: Check<NetworkPolicy> = isObjectOf<NetworkPolicy>({
  mode: isOneOf("open", "filtered", "off"),
  domains: isArrayOf(isString),
  denied: isArrayOf(isString),
  ports: isArrayOf(isInteger),
  inspect: isBoolean,
  allowHost: isArrayOf(isInteger),
  allowPrivate: isArrayOf(isString),
  resolvers: isArrayOf(isString),
  followsHost: isOptional(isBoolean),
});

const isTapNetwork = isObjectOf<TapNetwork>({
  kind: isOneOf("tap"),
  policy: isPolicy,
  slot: isInteger,
  tap: isString,
  table: isString,
  mac: isString,
  gateway: isString,
  address: isString,
});

const isVsockNetwork = isObjectOf<VsockNetwork>({
  kind: isOneOf("vsock"),
  policy: isPolicy,
  mac: isString,
  sshSocket: isString,
});

const isId: Check<string> = (value): value is string =>
  isString(value) && /^[0-9a-f]{12}$/.test(value);

/** Checks a record that was read. */
export const isVmRecord: Check<VmRecord> = isObjectOf<VmRecord>({
  version: isOneOf(3),
  id: isId,
  name: isString,
  project: isString,
  state: isOneOf("starting", "running", "stopping"),
  startedAt: isNumber,
  starter: isIdentity,
  stopper: isOptional(isIdentity),
  hypervisor: isOneOf("cloud-hypervisor", "qemu", "vfkit"),
  acceleration: isOneOf("hardware", "emulation"),
  cpus: isInteger,
  memoryMB: isNumber,
  build: isString,
  runtimeDirectory: isString,
  secretsDirectory: isString,
  apiSocket: isString,
  vmm: isOptional(isIdentity),
  watch: isOptional(isIdentity),
  servers: isArrayOf(isObjectOf<VmRecord["servers"][number]>({
    id: isString,
    process: isIdentity,
  })),
  shares: isArrayOf(isShare),
  nextShare: isInteger,
  network: isEither(isTapNetwork, isVsockNetwork),
  guest: isObjectOf<VmRecord["guest"]>({ user: isString, home: isString }),
  hooks: isObjectOf<VmRecord["hooks"]>({
    preDown: isArrayOf(isString),
    postDown: isArrayOf(isString),
    files: isOptional(isArrayOf(isObjectOf<{ readonly path: string; readonly hash: string }>({
      path: isString,
      hash: isString,
    }))),
  }),
});
