import * as z from "zod/mini";
import type { NetworkMode } from "../config/types.ts";
import type { ProcessIdentity } from "../host/host.ts";
import type { HypervisorName } from "../runner/types.ts";

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
  /** Whether virtiofsd refuses every change. */
  readonly readonly: boolean;
  /** Where its virtiofsd listens. */
  readonly socket: string;
}

/**
 * What is known of one machine, kept as JSON in the state directory. It is written before what it
 * names is made, so that everything can be taken down whatever happened to the program that made it.
 */
export interface VmRecord {
  /** The version of this format. */
  readonly version: 1;
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
  /** The virtiofsd of each share, by the share's id. */
  readonly virtiofsd: readonly { readonly id: string; readonly process: ProcessIdentity }[];
  /** What it shares. */
  readonly shares: readonly ShareRecord[];
  /** Its place in the host's network. */
  readonly network: {
    readonly mode: NetworkMode;
    readonly slot: number;
    readonly tap: string;
    readonly table: string;
    readonly mac: string;
    readonly gateway: string;
    readonly address: string;
  };
  /** Who its user is. */
  readonly guest: { readonly user: string; readonly home: string };
  /** As they were when the machine went up: what the host runs later was seen then. */
  readonly hooks: { readonly preDown: readonly string[]; readonly postDown: readonly string[] };
}

const identity = z.strictObject({ pid: z.int(), startTime: z.string() });

const share = z.strictObject({
  id: z.string(),
  tag: z.string(),
  source: z.string(),
  target: z.optional(z.string()),
  readonly: z.boolean(),
  socket: z.string(),
});

/** Checks a record that was read. */
export const vmRecordSchema: z.ZodMiniType<VmRecord> = z.strictObject({
  version: z.literal(1),
  id: z.string().check(z.regex(/^[0-9a-f]{12}$/)),
  name: z.string(),
  project: z.string(),
  state: z.enum(["starting", "running", "stopping"]),
  startedAt: z.number(),
  starter: identity,
  hypervisor: z.enum(["cloud-hypervisor", "qemu", "vfkit"]),
  acceleration: z.enum(["hardware", "emulation"]),
  cpus: z.number(),
  memoryMB: z.number(),
  build: z.string(),
  runtimeDirectory: z.string(),
  secretsDirectory: z.string(),
  apiSocket: z.string(),
  vmm: z.optional(identity),
  virtiofsd: z.array(z.strictObject({ id: z.string(), process: identity })),
  shares: z.array(share),
  network: z.strictObject({
    mode: z.enum(["open", "filtered", "off"]),
    slot: z.int(),
    tap: z.string(),
    table: z.string(),
    mac: z.string(),
    gateway: z.string(),
    address: z.string(),
  }),
  guest: z.strictObject({ user: z.string(), home: z.string() }),
  hooks: z.strictObject({ preDown: z.array(z.string()), postDown: z.array(z.string()) }),
});
