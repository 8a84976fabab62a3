import * as z from "zod/mini";

const identity = z.strictObject({ pid: z.int(), startTime: z.string() });

const share = z.strictObject({
  id: z.string(),
  tag: z.string(),
  source: z.string(),
  /** Where the guest has it; absent for a share of the runner's own (its Nix store). */
  target: z.optional(z.string()),
  readonly: z.boolean(),
  socket: z.string(),
});

/**
 * What is known of one machine, kept as JSON in the state directory. It is written before what it
 * names is made, so that everything can be taken down whatever happened to the program that made it.
 */
export const vmRecordSchema = z.strictObject({
  version: z.literal(1),
  /** The project's id. */
  id: z.string(),
  name: z.string(),
  /** Real path of the project's directory. */
  project: z.string(),
  state: z.enum(["starting", "running", "stopping"]),
  /** Milliseconds since 1970. */
  startedAt: z.number(),
  /** The `nixbox up` that is starting it. */
  starter: identity,
  hypervisor: z.enum(["cloud-hypervisor", "qemu", "vfkit"]),
  acceleration: z.enum(["hardware", "emulation"]),
  cpus: z.number(),
  memoryMB: z.number(),
  /** Hash of the build that it runs; `prebuilt` for `up --runner`. */
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
  /** As they were when the machine went up: what the host runs later was seen then. */
  hooks: z.strictObject({ preDown: z.array(z.string()), postDown: z.array(z.string()) }),
});

export type VmRecord = z.infer<typeof vmRecordSchema>;
export type ShareRecord = z.infer<typeof share>;
