import type { Host } from "../host/host.ts";
import type { VmRecord } from "../state/record.ts";
import { listRecords } from "../state/store.ts";
import { type MachineState, machineState } from "./machine.ts";

/** One machine as `status` tells it; this is also the shape of `status --json`. */
export interface MachineStatus {
  readonly name: string;
  readonly id: string;
  readonly project: string;
  readonly state: MachineState;
  readonly uptimeSeconds: number;
  readonly slot: number;
  readonly address: string;
  readonly hypervisor: VmRecord["hypervisor"];
  readonly acceleration: VmRecord["acceleration"];
  readonly cpus: number;
  readonly memoryMB: number;
  readonly network: VmRecord["network"]["mode"];
  readonly mounts: readonly {
    readonly source: string;
    readonly target: string;
    readonly readonly: boolean;
  }[];
}

export interface StatusReport {
  readonly machines: readonly MachineStatus[];
  /** Records that could not be read: one sentence each. */
  readonly problems: readonly string[];
}

/** All of this user's machines. */
export async function status(host: Host, now = Date.now()): Promise<StatusReport> {
  const { records, problems } = await listRecords(host);
  const machines = await Promise.all(
    records.map(async (record) => describe(record, await machineState(host, record), now)),
  );
  return { machines, problems };
}

function describe(record: VmRecord, state: MachineState, now: number): MachineStatus {
  const { name, id, project, hypervisor, acceleration, cpus, memoryMB, network } = record;
  return {
    name,
    id,
    project,
    state,
    uptimeSeconds: Math.max(0, Math.floor((now - record.startedAt) / 1000)),
    slot: network.slot,
    address: network.address,
    hypervisor,
    acceleration,
    cpus,
    memoryMB,
    network: network.mode,
    mounts: record.shares.flatMap(({ source, target, readonly }) =>
      target === undefined ? [] : [{ source, target, readonly }]
    ),
  };
}
