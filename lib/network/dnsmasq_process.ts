import type { Host } from "../host/host.ts";
import { runAsRoot } from "../host/as_root.ts";
import { endProcess } from "../host/end_process.ts";
import { processesSeenByRoot } from "../host/root_processes.ts";
import { exists, readTextIfExists } from "../host/files.ts";
import type { DnsmasqPaths } from "./dnsmasq.ts";

/** The texts of one slot's dnsmasq. */
export interface DnsmasqFiles {
  /** Where they go. */
  readonly paths: DnsmasqPaths;
  /** DHCP, and how names are answered. */
  readonly config: string;
  /** Which names are asked of whom. */
  readonly servers: string;
}

/** Starts a slot's dnsmasq; it goes into the background once it listens, so success means ready. */
export async function startDnsmasq(host: Host, files: DnsmasqFiles): Promise<void> {
  const { paths, config, servers } = files;
  await runAsRoot(host, ["tee", paths.servers], servers);
  await runAsRoot(host, ["tee", paths.config], config);
  // Its log has no time zone: this makes it UTC.
  const dnsmasq = await host.which("dnsmasq") ?? "dnsmasq";
  await runAsRoot(host, ["env", "TZ=UTC", dnsmasq, `--conf-file=${paths.config}`]);
}

/** Makes a running dnsmasq ask by other rules; none of its questions is lost. */
export async function changeServers(
  host: Host,
  paths: DnsmasqPaths,
  servers: string,
): Promise<void> {
  await runAsRoot(host, ["tee", paths.servers], servers);
  const pid = await dnsmasqPid(host, paths);
  if (pid !== undefined) await runAsRoot(host, ["kill", "-s", "HUP", `${pid}`]);
}

/** Its pid, if it runs. Root owns the pid file, so it can be trusted; the pid may be another's now. */
export async function dnsmasqPid(host: Host, paths: DnsmasqPaths): Promise<number | undefined> {
  const pid = Number(await readTextIfExists(paths.pidFile) ?? Number.NaN);
  const command = Number.isInteger(pid)
    ? await (await processesSeenByRoot(host)).commandLine(pid)
    : undefined;
  return command?.includes(`--conf-file=${paths.config}`) ? pid : undefined;
}

export async function stopDnsmasq(host: Host, paths: DnsmasqPaths): Promise<void> {
  const pid = await dnsmasqPid(host, paths);
  if (pid === undefined) return;
  const identity = await (await processesSeenByRoot(host)).identify(pid);
  if (typeof identity === "object") {
    await endProcess(host, identity, { graceMs: 2000, asRoot: true });
  }
}

/** Removes all that a slot's services have written. */
export async function removeSlotDirectory(host: Host, directory: string): Promise<void> {
  if (await exists(directory)) await runAsRoot(host, ["rm", "-r", directory]);
}
