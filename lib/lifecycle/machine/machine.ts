import type { Host } from "../../host/host.ts";
import { isAlive } from "../../host/root/end_process.ts";
import { NixboxError } from "../../base/error.ts";
import { checkPrivateDirectory } from "../../host/files/private_directory.ts";
import { readTail } from "../../host/files/files.ts";
import { lastLines } from "../../host/process/run.ts";
import type { VmRecord } from "../../state/record.ts";
import { readRecord, statePaths } from "../../state/store.ts";
import { pauseHint, pauseText, readPause } from "./room.ts";

/**
 * What a machine is doing: `dead` is one whose hypervisor has ended by itself, `left behind` one
 * whose `up` or `down` was killed half-way.
 */
export type MachineState = "running" | "starting" | "stopping" | "dead" | "left behind";

export async function machineState(host: Host, record: VmRecord): Promise<MachineState> {
  if (record.state === "running") {
    const isUp = record.vmm !== undefined && await isAlive(host, record.vmm);
    return isUp ? "running" : "dead";
  }
  if (record.state === "stopping") {
    const isStopping = record.stopper !== undefined && await isAlive(host, record.stopper);
    return isStopping ? "stopping" : "left behind";
  }
  return await isAlive(host, record.starter) ? "starting" : "left behind";
}

/**
 * The record of a machine that runs.
 *
 * @throws {NixboxError} with exit code 3 where none does; a dead one's last words are in its log; if
 * the directory of its sockets is not this user's alone, so that nothing in it may be talked to.
 */
export async function requireRunning(host: Host, id: string): Promise<VmRecord> {
  const record = await readRecord(host, id);
  const state = record === undefined ? undefined : await machineState(host, record);
  if (record !== undefined && state === "running") {
    await checkPrivateDirectory(record.runtimeDirectory, host.user.uid);
    return record;
  }
  if (record === undefined || state === undefined) {
    throw new NixboxError("this project's machine is not running", {
      hint: "start it: `nixbox up`",
      exitCode: 3,
    });
  }
  throw new NixboxError(`the machine ${record.name} ${sentences[state]}`, {
    hint: state === "starting"
      ? "wait until `nixbox status` says it is running"
      : "start it again: `nixbox up` clears what is left",
    exitCode: 3,
    log: state === "dead" ? await lastWords(host, id) : [],
  });
}

/**
 * The record of a machine that runs and whose guest can answer.
 *
 * @throws {NixboxError} as {@linkcode requireRunning}; if it stands still, since this host lacks room.
 */
export async function requireGoing(host: Host, id: string): Promise<VmRecord> {
  const record = await requireRunning(host, id);
  const pause = await readPause(host, record);
  if (pause === undefined) return record;
  throw new NixboxError(pauseText(record.name, pause), { hint: pauseHint(pause) });
}

const sentences: Readonly<Record<MachineState, string>> = {
  running: "is running",
  starting: "is still starting",
  stopping: "is being stopped",
  dead: "has died: its hypervisor ended",
  "left behind": "was left half-made by an earlier nixbox",
};

/** The last lines of the hypervisor's log and of the guest's console. */
export async function lastWords(host: Host, id: string): Promise<readonly string[]> {
  const { logs } = statePaths(host, id);
  const texts = await Promise.all(
    ["hypervisor", "console"].map((name) => readTail(`${logs}/${name}.log`)),
  );
  return texts.flatMap((text) => lastLines(text, 6));
}
