import type { Host } from "../../host/host.ts";
import { removeGroup } from "../../host/confinement/control_group.ts";
import { ownerVariable } from "../../host/process/detached.ts";
import { endProcess, isAlive } from "../../host/root/end_process.ts";
import { NixboxError } from "../../base/error.ts";
import { exists, lstatIfExists } from "../../host/files/files.ts";
import { isPrivateDirectory, whyReplaceable } from "../../host/files/private_directory.ts";
import { closeArgv } from "../../guest/ssh.ts";
import { run } from "../../host/process/run.ts";
import { slotAddresses } from "../../network/policy/addresses.ts";
import { unpassDocker } from "../../network/docker.ts";
import { restoreForwarding } from "../../network/forwarding.ts";
import { deleteFirewall, partNamespace } from "../../network/join.ts";
import { stopServices } from "../../network/services.ts";
import { hasTap, type TapRecord, type VmRecord } from "../../state/record.ts";
import { isSlotOf, lockSlots, readSlots, releaseSlot, type SlotPlace } from "../../state/slots.ts";
import { readRecord, removeRecord } from "../../state/store.ts";
import { endMachineWatch } from "../machine/machine_watch.ts";
import { releaseProtection } from "../protection/placeholders.ts";
import { type Step, undoAll } from "../machine/steps.ts";
import type { Emit } from "../../base/progress.ts";
import { removeTree } from "../../host/files/remove_tree.ts";

type Undo = Pick<Step, "name" | "undo" | "forgets">;

/** Where the host remembers that forwarding was off before the first machine. */
export function forwardingMemory(place: SlotPlace): string {
  return `${place.directory}/ip_forward_was`;
}

/** The steps of `up` that leave something, by name. */
export type UndoName =
  | "record"
  | "slot"
  | "directories"
  | "firewall"
  | "tap"
  | "forwarding"
  | "services"
  | "shares"
  | "provisioning"
  | "vmm"
  | "ssh";

/** The order in which `up` does its steps; undoing goes the other way. */
export function stepOrder(record: VmRecord): readonly UndoName[] {
  const network: readonly UndoName[] = hasTap(record)
    ? ["firewall", "tap", "forwarding", "services"]
    : ["services"];
  const slot: readonly UndoName[] = hasTap(record) ? ["slot"] : [];
  return ["record", ...slot, "directories", ...network, "shares", "provisioning", "vmm", "ssh"];
}

/**
 * How a step of `up` is undone, from the record alone: so that a failing `up`, `down`, and the
 * cleaning up after a crash are one thing. Each MUST work for a machine that is whole, half-made or
 * gone.
 */
export function undoStep(
  host: Host,
  place: SlotPlace,
  record: VmRecord,
  name: UndoName,
): Undo {
  switch (name) {
    case "record":
      return forgetting("write the record", async () => {
        await requireEnded(host, record);
        await removeRecord(host, record.id);
      });
    case "directories":
      return named("make directories", async () => {
        await requireEnded(host, record);
        await removeOwnDirectory(host, record.secretsDirectory);
        await removeOwnDirectory(host, record.runtimeDirectory);
      });
    case "shares":
      return named("share directories", async () => {
        await endServers(host, record);
        for (const share of record.shares) {
          await releaseProtection(host, share, (machine) => machine === record.id);
        }
      });
    case "provisioning":
      return named(
        "write the provisioning disk",
        () => removeOwnDirectory(host, record.secretsDirectory),
      );
    case "vmm":
      return named("start the hypervisor", () => endVmm(host, record));
    case "ssh":
      return named("log in", async () => {
        await endMachineWatch(host, record);
        if (!await isPrivateDirectory(record.runtimeDirectory, host.user.uid)) return;
        await run(closeArgv(record.runtimeDirectory), { accept: "any", timeoutMs: 2000 });
      });
    case "slot":
    case "firewall":
    case "tap":
    case "forwarding":
    case "services":
      return hasTap(record)
        ? undoTapStep(host, place, record, name)
        : named("start the proxy", () => endServers(host, record));
  }
}

function undoTapStep(
  host: Host,
  place: SlotPlace,
  record: TapRecord,
  name: "slot" | "firewall" | "tap" | "forwarding" | "services",
): Undo {
  const { slot } = record.network;
  const names = slotAddresses(slot);
  const ifSlotIsOurs = async (work: () => Promise<void>) => {
    if (isSlotOf(host, place, slot, record.id)) await work();
  };
  switch (name) {
    case "slot":
      return forgetting("claim a network slot", async () => {
        await ifSlotIsOurs(() => removeGroup(host, slot));
        await leaveSlot(host, place, record);
      });
    case "firewall":
      return named("load the firewall", () => ifSlotIsOurs(() => deleteFirewall(host, names)));
    case "tap":
      return named("make the tap", () => ifSlotIsOurs(() => partNamespace(host, names)));
    case "forwarding":
      // The last machine to give back its slot turns forwarding off.
      return named("forward packets", () => ifSlotIsOurs(() => unpassDocker(host, names.link)));
    case "services":
      return named(
        "start network services",
        () => ifSlotIsOurs(() => stopServices(host, place.directory, slot)),
      );
  }
}

/** Tears a machine down without asking its guest: all undo steps, in reverse order. */
export async function tearDown(
  host: Host,
  place: SlotPlace,
  record: VmRecord,
  emit: Emit,
): Promise<void> {
  await undoAll(stepOrder(record).map((name) => undoStep(host, place, record, name)), emit);
}

/** @throws {NixboxError} if a machine that was torn down has kept its record: something of it is left. */
export async function requireGone(host: Host, { id, name }: VmRecord): Promise<void> {
  if (await readRecord(host, id) === undefined) return;
  throw new NixboxError(`${name} could not be torn down completely`, {
    hint: "the warnings above say why; then `nixbox down` once more",
  });
}

function named(name: string, undo: () => Promise<void>): Undo {
  return { name, undo };
}

function forgetting(name: string, undo: () => Promise<void>): Undo {
  return { name, undo, forgets: true };
}

/** What lies where somebody else can put another directory is not ours, and stays. */
export async function removeOwnDirectory(host: Host, path: string): Promise<void> {
  const found = await lstatIfExists(path).catch(() => undefined);
  if (found === undefined || found.uid !== host.user.uid) return;
  if (whyReplaceable(path, host.user.uid) !== undefined) return;
  await removeTree(path);
}

/** By its record and its sockets a machine that would not end can be found again. */
async function requireEnded(host: Host, { vmm, name }: VmRecord): Promise<void> {
  if (vmm === undefined || !await isAlive(host, vmm)) return;
  throw new NixboxError(`the hypervisor of ${name} still runs (process ${vmm.pid})`, {
    hint: "end it, then `nixbox down` once more",
  });
}

/** Those of the record, and one that was started and has not come into it. */
async function endServers(host: Host, record: VmRecord): Promise<void> {
  await Promise.all(record.servers.map(({ id, process }) => {
    const share = record.shares.find((candidate) => candidate.id === id);
    return endProcess(host, process, { graceMs: 1000, group: share?.via === "sshfs" });
  }));
  await sweep(host, record.id);
}

async function endVmm(host: Host, record: VmRecord): Promise<void> {
  await endMachineWatch(host, record);
  if (record.vmm !== undefined) await endProcess(host, record.vmm, { graceMs: 2000 });
  await sweep(host, record.id);
}

/** Ends what was started for a machine and never made it into the record. */
export async function sweep(host: Host, id: string): Promise<void> {
  for (const pid of await host.processes.withEnvironment(ownerVariable, id)) {
    if (pid === Deno.pid) continue;
    const identity = await host.processes.identify(pid);
    if (typeof identity === "object") await endProcess(host, identity, { graceMs: 1000 });
  }
}

async function leaveSlot(host: Host, place: SlotPlace, record: TapRecord): Promise<void> {
  // After a reboot of the host there is nothing to give back.
  if (!await exists(`${place.directory}/slots`)) return;
  const lock = await lockSlots(host, place);
  try {
    await releaseSlot(host, place, record.network.slot, record.id);
    if ((await readSlots(host, place)).length > 0) return;
    await restoreForwarding(host, forwardingMemory(place));
  } finally {
    lock.release();
  }
}
