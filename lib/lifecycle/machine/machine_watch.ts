import { spawnDetached } from "../../host/process/detached.ts";
import { endProcess, isAlive } from "../../host/root/end_process.ts";
import { removeIfExists } from "../../host/files/files.ts";
import type { Host, ProcessIdentity } from "../../host/host.ts";
import { isPrivateDirectory } from "../../host/files/private_directory.ts";
import { run } from "../../host/process/run.ts";
import { sshPaths } from "../../guest/ssh.ts";
import type { VmRecord } from "../../state/record.ts";
import { statePaths } from "../../state/store.ts";
import { program, programName } from "./machine_watch_program.ts";
import { notePlaces, pausePaths, watchTools } from "./room.ts";

/**
 * Bytes of the disk at which a log is cut; its last half is kept beside it, as FILE.old. A guest fills
 * its console, and what its servers say of it, as fast as it can.
 */
export const longestLog = 16_000_000;

/** Removes what an earlier machine's logs had that were cut. */
export async function removeOlderParts(directory: string): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    if (name.endsWith(".log.old")) await removeIfExists(`${directory}/${name}`);
  }
}

/** What of a machine the watch's command follows from. */
export type WatchedMachine = Pick<
  VmRecord,
  "id" | "hypervisor" | "apiSocket" | "runtimeDirectory" | "shares"
>;

/** The watch's program, to `watch` a machine, or to let one `go` on that was stopped. */
async function watchArgv(
  host: Host,
  machine: WatchedMachine,
  pid: number,
  what: "watch" | "go",
  longest = longestLog,
): Promise<readonly string[]> {
  const { hypervisor, apiSocket, runtimeDirectory, id } = machine;
  const { cause, places } = pausePaths(runtimeDirectory);
  const { config, masterPid } = sshPaths(runtimeDirectory);
  const { logs } = statePaths(host, id);
  return [
    ...["/bin/sh", "-c", program(host.shellFunctions), programName],
    ...await watchTools(host),
    ...[what, `${pid}`, hypervisor, apiSocket, cause, places, config, masterPid],
    ...[logs, `${longest}`],
  ];
}

/**
 * Starts what stays beside a machine while its hypervisor runs, and ends with it: it keeps the logs
 * short, and stops the machine while there is too little room on this host. One that was stopped and
 * lost its watch goes on once there is room.
 */
export async function startMachineWatch(
  host: Host,
  machine: WatchedMachine,
  { pid }: Pick<ProcessIdentity, "pid">,
  longest = longestLog,
): Promise<ProcessIdentity> {
  await notePlaces(host, machine);
  const argv = await watchArgv(host, machine, pid, "watch", longest);
  const { identity } = await spawnDetached(host, argv, {
    logFile: `${statePaths(host, machine.id).logs}/machine-watch.log`,
    cwd: "/",
    owner: machine.id,
  });
  return identity;
}

/** How long a hypervisor may take to be told to go on. */
const goMs = 6000;

/** Ends a machine's watch, and lets the machine go on: it is to be ended, which needs it to run. */
export async function endMachineWatch(host: Host, record: VmRecord): Promise<void> {
  const { watch, vmm, runtimeDirectory } = record;
  if (watch !== undefined) await endProcess(host, watch, { graceMs: 500 });
  if (vmm === undefined || !await isAlive(host, vmm)) return;
  // What lies in a directory of somebody else is not ours to use; force ends what is stopped.
  if (!await isPrivateDirectory(runtimeDirectory, host.user.uid)) return;
  const argv = await watchArgv(host, record, vmm.pid, "go");
  await run(argv, { accept: "any", timeoutMs: goMs });
}
