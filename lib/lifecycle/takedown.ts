import type { Host } from "../host/host.ts";
import { ownerVariable } from "../host/detached.ts";
import { endProcess } from "../host/end_process.ts";
import { exists, removeIfExists } from "../host/files.ts";
import { closeArgv } from "../guest/ssh.ts";
import { run } from "../host/process.ts";
import { unpassDocker } from "../network/docker.ts";
import { deleteFirewall, deleteTap, restoreForwarding } from "../network/linux.ts";
import { stopServices } from "../network/services.ts";
import type { VmRecord } from "../state/record.ts";
import {
  lockSlots,
  readSlotOwner,
  readSlots,
  releaseSlot,
  type SlotPlace,
} from "../state/slots.ts";
import { removeRecord } from "../state/store.ts";
import { endExposure } from "./exposure.ts";
import { type Step, undoAll } from "./steps.ts";
import type { Emit } from "../host/progress.ts";

type Undo = Pick<Step, "name" | "undo">;

/** Where the host remembers that forwarding was off before the first machine. */
export function forwardingMemory(place: SlotPlace): string {
  return `${place.directory}/ip_forward_was`;
}

/**
 * How each step of `up` is undone, by the step's name, from the record alone: so that a failing
 * `up`, `down`, and the cleaning up after a crash are one thing. Each MUST work for a machine that
 * is whole, half-made or gone.
 */
export function undoSteps(host: Host, place: SlotPlace, record: VmRecord): Record<UndoName, Undo> {
  const { slot, table, tap } = record.network;
  const ifSlotIsOurs = async (work: () => Promise<void>) => {
    if ((await readSlotOwner(place, slot))?.id === record.id) await work();
  };
  return {
    record: named("write the record", () => removeRecord(host, record.id)),
    slot: named("claim a network slot", () => leaveSlot(host, place, record)),
    directories: named("make directories", async () => {
      await removeIfExists(record.secretsDirectory);
      await removeIfExists(record.runtimeDirectory);
    }),
    firewall: named(
      "load the firewall",
      () => ifSlotIsOurs(() => deleteFirewall(host, table)),
    ),
    tap: named("make the tap", () => ifSlotIsOurs(() => deleteTap(host, tap))),
    forwarding: named(
      "forward packets",
      // The last machine to give back its slot turns forwarding off.
      () => ifSlotIsOurs(() => unpassDocker(host, tap)),
    ),
    services: named(
      "start network services",
      () => ifSlotIsOurs(() => stopServices(host, place.directory, slot)),
    ),
    virtiofsd: named("share directories", async () => {
      await endShares(host, record);
      await endExposure(host, record);
    }),
    provisioning: named(
      "write the provisioning disk",
      () => removeIfExists(record.secretsDirectory),
    ),
    vmm: named("start the hypervisor", () => endVmm(host, record)),
    ssh: named("log in", async () => {
      await run(closeArgv(record.runtimeDirectory), { accept: "any", timeoutMs: 2000 });
    }),
  };
}

export type UndoName =
  | "record"
  | "slot"
  | "directories"
  | "firewall"
  | "tap"
  | "forwarding"
  | "services"
  | "virtiofsd"
  | "provisioning"
  | "vmm"
  | "ssh";

/** The order in which `up` does its steps; undoing goes the other way. */
export const stepOrder: readonly UndoName[] = [
  "record",
  "slot",
  "directories",
  "firewall",
  "tap",
  "forwarding",
  "services",
  "virtiofsd",
  "provisioning",
  "vmm",
  "ssh",
];

/** Takes a machine down without asking its guest: all undo steps, in reverse order. */
export async function takeDown(
  host: Host,
  place: SlotPlace,
  record: VmRecord,
  emit: Emit,
): Promise<void> {
  const undo = undoSteps(host, place, record);
  await undoAll(stepOrder.map((name) => undo[name]), emit);
}

function named(name: string, undo: () => Promise<void>): Undo {
  return { name, undo };
}

async function endShares(host: Host, record: VmRecord): Promise<void> {
  await Promise.all(record.servers.map(({ id, process }) => {
    const share = record.shares.find((candidate) => candidate.id === id);
    return endProcess(host, process, { graceMs: 1000, group: share?.via === "sshfs" });
  }));
}

async function endVmm(host: Host, record: VmRecord): Promise<void> {
  if (record.vmm !== undefined) await endProcess(host, record.vmm, { graceMs: 2000 });
  await sweep(host, record.id);
}

/** Ends what was started for a machine and never made it into the record. */
async function sweep(host: Host, id: string): Promise<void> {
  for (const pid of await host.processes.withEnvironment(ownerVariable, id)) {
    if (pid === Deno.pid) continue;
    const identity = await host.processes.identify(pid);
    if (identity !== undefined) await endProcess(host, identity, { graceMs: 1000 });
  }
}

async function leaveSlot(host: Host, place: SlotPlace, record: VmRecord): Promise<void> {
  // After a reboot of the host there is nothing to give back.
  if (!await exists(`${place.directory}/slots`)) return;
  const lock = await lockSlots(place);
  try {
    await releaseSlot(host, place, record.network.slot, record.id);
    if ((await readSlots(host, place)).length > 0) return;
    await restoreForwarding(host, forwardingMemory(place));
  } finally {
    lock.release();
  }
}
