import { spawnDetached } from "../host/detached.ts";
import { removeIfExists } from "../host/files.ts";
import type { Host, ProcessIdentity } from "../host/host.ts";

/**
 * Bytes of the disk at which a log is cut; its last half is kept beside it, as FILE.old. A guest fills
 * its console, and what its servers say of it, as fast as it can.
 */
export const longestLog = 16_000_000;

/** Its name in the list of processes. */
const programName = "nixbox-log-watch";

/**
 * A small shell program that stays beside a machine, as its user, until the hypervisor ends. What a
 * file takes on the disk counts, not its length: cloud-hypervisor goes on at its own place in a file
 * that was cut, so that the part before is a hole.
 *
 * Arguments: PID LONGEST DIRECTORY STAT TAIL SLEEP
 */
const program = `
pid=$1 longest=$2 directory=$3 stat=$4 tail=$5 sleep=$6
while "$sleep" 1 && kill -0 "$pid"; do
  for log in "$directory"/*.log; do
    [ -f "$log" ] && [ ! -L "$log" ] || continue
    blocks=$("$stat" -c %b "$log")
    [ "$((blocks * 512))" -gt "$longest" ] || continue
    "$tail" -c "$((longest / 2))" "$log" >"$log.old"
    true >"$log"
  done
done
`;

/** Removes what an earlier machine's logs had that were cut. */
export async function removeOlderParts(directory: string): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    if (name.endsWith(".log.old")) await removeIfExists(`${directory}/${name}`);
  }
}

/** Keeps the logs of a machine short while its hypervisor runs; it ends with the machine. */
export async function startLogWatch(
  host: Host,
  vmm: Pick<ProcessIdentity, "pid">,
  owner: string,
  directory: string,
  longest = longestLog,
): Promise<ProcessIdentity> {
  const tool = async (name: string) => await host.which(name) ?? name;
  const tools = [await tool("stat"), await tool("tail"), await tool("sleep")];
  const args = [`${vmm.pid}`, `${longest}`, directory, ...tools];
  const { identity } = await spawnDetached(host, ["/bin/sh", "-c", program, programName, ...args], {
    logFile: `${directory}/log-watch.log`,
    cwd: "/",
    owner,
  });
  return identity;
}
