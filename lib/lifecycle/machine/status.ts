import type { NetworkMode } from "../../config/config.ts";
import type { Host } from "../../host/host.ts";
import type { HypervisorName } from "../../runner/view.ts";
import { hasTap, type VmRecord } from "../../state/record.ts";
import { listRecords } from "../../state/store.ts";
import { changedObeyed } from "../protection/obeyed_changes.ts";
import { type MachineState, machineState } from "./machine.ts";
import { type Pause, readPause } from "./room.ts";

/** One machine as `status` tells it; this is also the shape of `status --json`. */
export interface MachineStatus {
  /** The machine's name. */
  readonly name: string;
  /** The project's id. */
  readonly id: string;
  /** Real path of the project's directory. */
  readonly project: string;
  /** What it is doing; `paused` while this host lacks room for it to grow. */
  readonly state: MachineState | "paused";
  /** Why it is paused. */
  readonly paused?: Pause;
  /** Since `up` began. */
  readonly uptimeSeconds: number;
  /** Number of its network slot; none where a machine needs no slot (macOS). */
  readonly slot?: number;
  /** The guest's IPv4 address, where it has one and the host can know it. */
  readonly address?: string;
  /** What runs it. */
  readonly hypervisor: HypervisorName;
  /** Whether the processor's virtualization is used. */
  readonly acceleration: "hardware" | "emulation";
  /** Its vCPUs. */
  readonly cpus: number;
  /** Its memory, in MiB. */
  readonly memoryMB: number;
  /** Its network mode. */
  readonly network: NetworkMode;
  /** Its shared directories. */
  readonly mounts: readonly {
    readonly source: string;
    readonly target: string;
    readonly readonly: boolean;
    /** Whether the guest's changes stay in its memory. */
    readonly overlay: boolean;
    readonly via: "virtiofs" | "sshfs";
    /** `changing` while it comes or goes. */
    readonly state: "ready" | "changing";
  }[];
  /**
   * Real paths in the shares of what this host's programs run or obey (hooks, editors' and agents'
   * settings) that came, changed or went since the machine went up; twenty at most.
   */
  readonly changed: readonly string[];
}

/** What `status` tells. */
export interface StatusReport {
  /** All of this user's, by name. */
  readonly machines: readonly MachineStatus[];
  /** Records that could not be read: one sentence each. */
  readonly problems: readonly string[];
}

/** All of this user's machines. */
export async function status(host: Host, now = Date.now()): Promise<StatusReport> {
  const { records, problems } = await listRecords(host);
  const machines = await Promise.all(
    records.map(async (record) =>
      describe(
        record,
        await machineState(host, record),
        await readPause(host, record).catch(() => undefined),
        { ...await placeOf(host, record), changed: await changedObeyed(host, record) },
        now,
      )
    ),
  );
  return { machines, problems };
}

/** Where in a network the guest is. */
async function placeOf(
  host: Host,
  record: VmRecord,
): Promise<Pick<MachineStatus, "slot" | "address">> {
  if (hasTap(record)) return { slot: record.network.slot, address: record.network.address };
  const { policy, mac } = record.network;
  const address = policy.mode === "open" ? await host.addressOf(mac) : undefined;
  return address === undefined ? {} : { address };
}

function describe(
  record: VmRecord,
  state: MachineState,
  pause: Pause | undefined,
  place: Pick<MachineStatus, "slot" | "address" | "changed">,
  now: number,
): MachineStatus {
  const isPaused = pause !== undefined && (state === "running" || state === "starting");
  const { name, id, project, hypervisor, acceleration, cpus, memoryMB, network } = record;
  return {
    name,
    id,
    project,
    ...(isPaused ? { state: "paused", paused: pause } : { state }),
    uptimeSeconds: Math.max(0, Math.floor((now - record.startedAt) / 1000)),
    ...place,
    hypervisor,
    acceleration,
    cpus,
    memoryMB,
    network: network.policy.mode,
    mounts: record.shares.flatMap(({ source, target, readonly, overlay, via, state }) =>
      target === undefined ? [] : [{ source, target, readonly, overlay, via, state }]
    ),
  };
}
