import { messageOf } from "../../base/error.ts";
import type { Host } from "../../host/host.ts";
import { endProcess, isAlive, lifeOf, waitForEnd } from "../../host/root/end_process.ts";
import { type Emit, tellStep } from "../../base/progress.ts";
import { exists } from "../../host/files/files.ts";
import { isPrivateDirectory } from "../../host/files/private_directory.ts";
import { run } from "../../host/process/run.ts";
import { sleep } from "../../base/wait.ts";
import { sessionArgv, sshPaths } from "../../guest/ssh.ts";
import { hasTap, type VmRecord } from "../../state/record.ts";
import { defaultSlotPlace, type SlotPlace } from "../../state/slots.ts";
import { readAtWork } from "../../state/at_work.ts";
import { forgetMachine } from "../../state/kept.ts";
import {
  lockProject,
  readRecord,
  statePaths,
  unfinishedRecordIds,
  writeRecord,
} from "../../state/store.ts";
import { connectGuest } from "../machine/connect_guest.ts";
import { endMachineWatch } from "../machine/machine_watch.ts";
import { clearClaims, hasStrayClaims } from "./discard.ts";
import { changedObeyed, changedObeyedText } from "../protection/obeyed_changes.ts";
import { runHooks } from "../machine/hooks.ts";
import { requireGone, tearDown } from "../boot/teardown.ts";

/** How `down` stops a machine. */
export interface DownOptions {
  /** The whole time that a graceful stop may take. */
  readonly timeoutMs?: number;
  /** Do not ask the guest, end it at once. */
  readonly force?: boolean;
  /** Remove all that outlives a machine, too: its disks, logs and build. */
  readonly forget?: boolean;
}

/** How `down` ended. */
export interface DownResult {
  /** Whether its hypervisor ran. */
  readonly wasUp: boolean;
  /** The machine's name, where there was one. */
  readonly name: string | undefined;
  /** How the guest's end came about. */
  readonly stop: "graceful" | "forced" | "was dead" | "was starting" | "nothing to stop";
  /** What was removed of the project's state, by name, where that was asked for. */
  readonly forgotten?: readonly string[];
}

/** What an `up` that is ended may take to undo what it did. */
const undoMs = 8000;

/** Of the 15 s that `down` may take, the rest is for ending processes by force and cleaning. */
const gracefulMs = 9000;

/**
 * Stops a project's machine and cleans up after it: asks the guest, then presses its power
 * button, then ends the hypervisor. Works for a machine that is whole, half-made, dead or gone.
 */
export async function down(
  host: Host,
  id: string,
  options: DownOptions & { readonly place?: SlotPlace },
  emit: Emit,
): Promise<DownResult> {
  const place = options.place ?? defaultSlotPlace;
  const endedUp = await endStartingUp(host, id, emit);
  const isUp = endedUp || await readRecord(host, id) !== undefined;
  const hasLeftovers = !isUp &&
    (await hasStrayClaims(host, place, id) || (await unfinishedRecordIds(host)).includes(id));
  if (!isUp && !hasLeftovers && options.forget !== true) return nothingToStop();
  const lock = await lockProject(host, id, {
    timeoutMs: 15_000,
    emit,
    work: "down",
  });
  try {
    const record = await readRecord(host, id);
    const result = record !== undefined
      ? await stop(host, place, record, options, emit)
      : { ...nothingToStop(), ...(endedUp ? { stop: "was starting" as const } : {}) };
    // Of an `up` that was killed before it had a record.
    if (record === undefined && await hasStrayClaims(host, place, id)) {
      await clearClaims(host, place, id);
    }
    if (options.forget !== true) return result;
    return { ...result, forgotten: await forgetMachine(host, id) };
  } finally {
    lock.release();
  }
}

/**
 * Ends an `up` of the project that is under way, in a build or a script, say: it undoes what it did. One
 * that does not end in time is killed, and `down` clears what it left.
 *
 * @returns Whether there was one.
 */
async function endStartingUp(host: Host, id: string, emit: Emit): Promise<boolean> {
  const atWork = readAtWork(host, statePaths(host, id).lock);
  if (atWork?.work !== "up" || atWork.process.pid === Deno.pid) return false;
  if (await lifeOf(host, atWork.process) !== "alive") return false;
  emit({
    kind: "note",
    message: `an up of this project is under way (process ${atWork.process.pid}): ending it`,
  });
  await endProcess(host, atWork.process, { graceMs: undoMs });
  return true;
}

function nothingToStop(): DownResult {
  return { wasUp: false, name: undefined, stop: "nothing to stop" };
}

async function stop(
  host: Host,
  place: SlotPlace,
  record: VmRecord,
  options: DownOptions,
  emit: Emit,
): Promise<DownResult> {
  const wasUp = record.vmm !== undefined && await isAlive(host, record.vmm);
  // What lies in a directory of somebody else is not ours to use; the rest is torn down.
  const isReachable = await isPrivateDirectory(record.runtimeDirectory, host.user.uid);
  const subject = {
    name: record.name,
    project: record.project,
    ...(hasTap(record) ? { address: record.network.address } : {}),
    ...(isReachable ? { runtimeDirectory: record.runtimeDirectory } : {}),
  };
  const { files = [] } = record.hooks;
  if (wasUp && record.state === "running") {
    await runHooks("pre-down", record.hooks.preDown, files, subject, emit);
  }
  await noteStopping(host, record, emit);
  let isGraceful = false;
  if (wasUp && isReachable && options.force !== true) {
    // A machine that stands still for want of room cannot hear.
    await endMachineWatch(host, record);
    const patienceMs = Math.min(options.timeoutMs ?? gracefulMs, gracefulMs);
    isGraceful = await tellStep(emit, "stop the guest", () => askToStop(host, record, patienceMs));
  }
  const changed = await changedObeyed(host, record);
  if (changed.length > 0) emit({ kind: "warning", message: changedObeyedText(changed) });
  await tellStep(emit, "clean up", () => tearDown(host, place, record, emit));
  await requireGone(host, record);
  const gone = { name: subject.name, project: subject.project };
  await runHooks("post-down", record.hooks.postDown, files, gone, emit);
  const stop = wasUp ? isGraceful ? "graceful" : "forced" : "was dead";
  return { wasUp, name: record.name, stop };
}

/** On a disk that is full to the last byte a machine must go down, too: what it frees may be the way out. */
async function noteStopping(host: Host, record: VmRecord, emit: Emit): Promise<void> {
  const stopper = await host.processes.identify(Deno.pid);
  const isKnown = typeof stopper === "object";
  try {
    await writeRecord(host, { ...record, state: "stopping", ...(isKnown ? { stopper } : {}) });
  } catch (error) {
    emit({ kind: "warning", message: messageOf(error) });
  }
}

/** In-guest poweroff first; after a while the power button too. `true` once the VMM has ended. */
async function askToStop(host: Host, record: VmRecord, patienceMs: number): Promise<boolean> {
  const { vmm } = record;
  if (vmm === undefined) return true;
  const deadline = performance.now() + patienceMs;
  const buttonAfterMs = Math.min(2500, patienceMs);
  const isMasterUp = await exists(sshPaths(record.runtimeDirectory).controlSocket);
  if (isMasterUp) {
    void powerOffFromInside(record, buttonAfterMs);
    if (await waitForEnd(host, vmm, buttonAfterMs)) return true;
  }
  await pressPowerButton(record);
  return await waitForEnd(host, vmm, Math.max(deadline - performance.now(), 0));
}

/** The connection dies with the guest, so how this ends says nothing. */
async function powerOffFromInside(record: VmRecord, timeoutMs: number): Promise<void> {
  const command = "sudo -n systemctl poweroff 2>/dev/null || sudo -n poweroff";
  const argv = sessionArgv(record.runtimeDirectory, command, { tty: false });
  try {
    await run(argv, { accept: "any", timeoutMs });
  } catch {
    // The power button comes next, and force after that.
  }
}

async function pressPowerButton(record: VmRecord): Promise<void> {
  try {
    const guest = await connectGuest(record, { timeoutMs: 1000 });
    await Promise.race([guest.powerButton(), sleep(1000)]);
    guest.close();
  } catch {
    // A VMM that does not answer is ended by signal when the time is over.
  }
}
