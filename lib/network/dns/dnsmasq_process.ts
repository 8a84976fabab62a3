import { runAsRoot } from "../../host/root/as_root.ts";
import { endProcess } from "../../host/root/end_process.ts";
import { exists } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { processesSeenByRoot } from "../../host/root/root_processes.ts";
import { waitFor } from "../../base/wait.ts";
import type { DnsmasqPaths } from "./dnsmasq.ts";
import { runInNamespace } from "../namespace/namespace.ts";

/** The texts of one slot's dnsmasq. */
export interface DnsmasqFiles {
  /** Where they go. */
  readonly paths: DnsmasqPaths;
  /** DHCP, and how names are answered. */
  readonly config: string;
  /** Which names are asked of whom. */
  readonly servers: string;
  /** The namespace that it runs in. */
  readonly namespace: string;
  /** The user id that it runs as. */
  readonly uid: number;
  /** Arguments of `sh` that make its directory. */
  readonly prepare: readonly string[];
}

/**
 * Makes a slot's directory, root's, with the user's group handed down to the files in it, and in it
 * the two files that dnsmasq writes, which are its user's alone to write.
 *
 * Arguments: DIRECTORY GID UID FILE...
 */
const prepare = `set -e
directory=$1 gid=$2 uid=$3
shift 3
install -d -m 2755 -g "$gid" "$directory"
for file; do
  install -m 640 -o "$uid" -g "$gid" /dev/null "$file"
done
`;

export function prepareArguments(paths: DnsmasqPaths, gid: number, uid: number): readonly string[] {
  const { directory, log, leases } = paths;
  return ["-c", prepare, "nixbox-prepare", directory, `${gid}`, `${uid}`, log, leases];
}

/** What it needs: port 53 and 67, one interface, and the set that its answers go into. */
const capabilities = "+net_admin,+net_bind_service,+net_raw";

/**
 * The command that starts a slot's dnsmasq in its namespace, under its own user, with capabilities
 * that mean nothing outside of that namespace: without CAP_SYS_ADMIN it cannot leave it.
 */
export function dnsmasqCommand(uid: number, config: string, dnsmasq: string): readonly string[] {
  return [
    ...["setpriv", `--reuid=${uid}`, `--regid=${uid}`, "--clear-groups"],
    ...[`--inh-caps=-all,${capabilities}`, `--ambient-caps=-all,${capabilities}`],
    ...[`--bounding-set=-all,${capabilities}`, "--no-new-privs"],
    // Its log has no time zone: this makes it UTC. No core dump holds what the guest has asked.
    ...["env", "TZ=UTC", "prlimit", "--core=0:0", dnsmasq, `--conf-file=${config}`],
  ];
}

/** Starts a slot's dnsmasq; it goes into the background once it listens, so success means ready. */
export async function startDnsmasq(host: Host, files: DnsmasqFiles): Promise<number> {
  const { paths, config, servers } = files;
  await runAsRoot(host, ["tee", paths.servers], servers);
  await runAsRoot(host, ["tee", paths.config], config);
  return await startAgain(host, files);
}

/** Starts a slot's dnsmasq with the files that it has. */
async function startAgain(
  host: Host,
  files: Pick<DnsmasqFiles, "paths" | "namespace" | "uid">,
): Promise<number> {
  const { paths, uid } = files;
  const dnsmasq = await host.which("dnsmasq") ?? "dnsmasq";
  await runInNamespace(host, files, dnsmasqCommand(uid, paths.config, dnsmasq));
  // Its first process has ended, and may still be in the list.
  const pid = await waitFor(() => dnsmasqPid(host, paths, uid), {
    timeoutMs: 2000,
    firstDelayMs: 2,
  });
  return pid ?? 0;
}

/**
 * Ends a slot's dnsmasq and starts it again. After a time without a way out it still waits for answers
 * that will not come, and joins the guest's next requests for the same names to those.
 */
export async function restartDnsmasq(
  host: Host,
  files: Pick<DnsmasqFiles, "paths" | "namespace" | "uid">,
): Promise<number> {
  await stopDnsmasq(host, files.uid);
  return await startAgain(host, files);
}

/** Makes a running dnsmasq ask by other rules; none of its questions is lost. */
export async function changeServers(
  host: Host,
  paths: DnsmasqPaths,
  uid: number,
  servers: string,
): Promise<void> {
  await runAsRoot(host, ["tee", paths.servers], servers);
  const pid = await dnsmasqPid(host, paths, uid);
  if (pid !== undefined) await runAsRoot(host, ["kill", "-s", "HUP", `${pid}`]);
}

/** Its pid, if it runs: nobody else runs as its user. */
export async function dnsmasqPid(
  host: Host,
  paths: DnsmasqPaths,
  uid: number,
): Promise<number | undefined> {
  const processes = await processesSeenByRoot(host);
  for (const pid of await processes.ownedBy(uid)) {
    const command = await processes.commandLine(pid);
    const isRunning = await processes.identify(pid) !== undefined;
    if (isRunning && command?.includes(`--conf-file=${paths.config}`)) return pid;
  }
  return undefined;
}

/** Ends every process of a slot's dnsmasq: one for each request by TCP that it is about. */
export async function stopDnsmasq(host: Host, uid: number): Promise<void> {
  const processes = await processesSeenByRoot(host);
  for (const pid of await processes.ownedBy(uid)) {
    const identity = await processes.identify(pid);
    if (typeof identity !== "object") continue;
    await endProcess(host, identity, { graceMs: 2000, asRoot: true });
  }
}

/** Removes all that a slot's services have written. */
export async function removeSlotDirectory(host: Host, directory: string): Promise<void> {
  if (await exists(directory)) await runAsRoot(host, ["rm", "-r", directory]);
}
