import type { Host } from "../host/host.ts";
import { endProcess } from "../host/root/end_process.ts";
import { processesSeenByRoot } from "../host/root/root_processes.ts";
import { readTextIfExists } from "../host/files/files.ts";
import { waitFor } from "../base/wait.ts";
import { runInNamespace } from "./namespace/namespace.ts";

/** What is watched beside one machine. */
export interface Watch {
  /** The slot's directory, which root owns. */
  readonly directory: string;
  /** Where it runs. */
  readonly namespace: string;
  /** The slot's nftables table. */
  readonly table: string;
  /** Files that are cut when they grow too long. */
  readonly logs: readonly string[];
}

/** Bytes at which a log is cut; its last half is kept beside it, as FILE.old. */
const longestLog = 4_000_000;

/**
 * A small shell program that stays beside a machine, as root, and asks once a second: are the logs,
 * which the guest can fill, too long? Does dnsmasq still run? If it does not, the addresses that its
 * answers have allowed are taken back, so that nothing gets out any more (in mode `filtered`: elsewhere
 * there is no such set).
 *
 * Arguments: DIRECTORY PID NFT TABLE LONGEST LOG...
 */
const program = `
exec >/dev/null 2>&1 </dev/null
ulimit -c 0
echo $$ >"$1/watch.pid"
pid=$2
nft=$3
table=$4
longest=$5
shift 5
while kill -0 "$pid"; do
  for log; do
    [ -f "$log" ] && [ "$(stat -c %s "$log")" -gt "$longest" ] || continue
    tail -c $((longest / 2)) "$log" >"$log.old"
    : >"$log"
  done
  sleep 1
done
"$nft" flush set inet "$table" allow4
`;

/** Its name in the list of processes. */
const programName = "nixbox-watch";

/** @param pid Of dnsmasq: the watch ends with that process. */
export async function startWatch(host: Host, watch: Watch, pid: number): Promise<void> {
  const { directory, table, logs } = watch;
  const nft = await host.which("nft") ?? "nft";
  const args = [directory, `${pid}`, nft, table, `${longestLog}`, ...logs];
  await runInNamespace(host, watch, [
    "setsid",
    "--fork",
    "sh",
    "-c",
    program,
    programName,
    ...args,
  ]);
  // Not before it can be found again, so that an undo right after this leaves none behind.
  const pidOrNothing = async () => await readTextIfExists(`${directory}/watch.pid`) || undefined;
  await waitFor(pidOrNothing, { timeoutMs: 2000, firstDelayMs: 2 });
}

export async function stopWatch(host: Host, directory: string): Promise<void> {
  const pid = Number(await readTextIfExists(`${directory}/watch.pid`) ?? Number.NaN);
  const command = Number.isInteger(pid)
    ? await (await processesSeenByRoot(host)).commandLine(pid)
    : undefined;
  if (command?.includes(programName) !== true || !command.includes(directory)) return;
  const identity = await (await processesSeenByRoot(host)).identify(pid);
  if (typeof identity === "object") {
    await endProcess(host, identity, { graceMs: 500, asRoot: true });
  }
}
