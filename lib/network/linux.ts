import type { Host } from "../host/host.ts";
import { messageOf, NixboxError } from "../host/error.ts";
import { endProcess } from "../host/end_process.ts";
import { exists, readTextIfExists } from "../host/files.ts";
import { run } from "../host/process.ts";
import { dnsmasqDirectoryArguments, type DnsmasqPaths } from "./dnsmasq.ts";
import { removeFirewall } from "./firewall.ts";

/** Loads a slot's rules in one transaction: all of them, or none and an error. */
export async function loadFirewall(host: Host, rules: string): Promise<void> {
  await asRoot(host, "nft", ["-f", "-"], rules);
}

export async function deleteFirewall(host: Host, table: string): Promise<void> {
  await asRoot(host, "nft", ["-f", "-"], removeFirewall(table));
}

/** Makes a tap by lines for `ip -batch`. */
export async function createTap(host: Host, batch: string): Promise<void> {
  try {
    await asRoot(host, "ip", ["-batch", "-"], batch);
  } catch (error) {
    if (!/\/dev\/net\/tun|ioctl\(TUNSETIFF\)/.test(errorText(error))) throw error;
    throw new NixboxError("the kernel gave no tap device", {
      hint: "load the module (`sudo modprobe tun`) and check that /dev/net/tun is there",
      cause: error,
    });
  }
}

export async function deleteTap(host: Host, tap: string): Promise<void> {
  if (await exists(`/sys/class/net/${tap}`)) await asRoot(host, "ip", ["link", "delete", tap]);
}

/** Starts a slot's dnsmasq; it goes into the background once it listens, so success means ready. */
export async function startDnsmasq(
  host: Host,
  paths: DnsmasqPaths,
  config: string,
): Promise<void> {
  await asRoot(host, "install", dnsmasqDirectoryArguments(paths, host.user.gid));
  await asRoot(host, "tee", [paths.config], config);
  await asRoot(host, "dnsmasq", [`--conf-file=${paths.config}`]);
}

/** Ends a slot's dnsmasq and removes its directory. Root owns the pid file, so it can be trusted. */
export async function stopDnsmasq(host: Host, paths: DnsmasqPaths): Promise<void> {
  const pid = Number(await readTextIfExists(paths.pidFile) ?? Number.NaN);
  const command = Number.isInteger(pid) ? await host.processes.commandLine(pid) : undefined;
  if (command?.includes(`--conf-file=${paths.config}`)) {
    const identity = await host.processes.identify(pid);
    if (identity !== undefined) await endProcess(host, identity, { graceMs: 2000, asRoot: true });
  }
  if (await exists(paths.directory)) await asRoot(host, "rm", ["-r", paths.directory]);
}

const forwardSwitch = "/proc/sys/net/ipv4/ip_forward";

/** Lets the host forward IPv4, remembering in `memory` that it did not before. */
export async function enableForwarding(host: Host, memory: string): Promise<void> {
  if ((await Deno.readTextFile(forwardSwitch)).trim() === "1") return;
  await asRoot(host, "tee", [memory], "0\n");
  await asRoot(host, "tee", [forwardSwitch], "1\n");
}

/** Puts forwarding back as it was, when the last machine has gone. */
export async function restoreForwarding(host: Host, memory: string): Promise<void> {
  if (!await exists(memory)) return;
  await asRoot(host, "tee", [forwardSwitch], "0\n");
  await asRoot(host, "rm", ["-f", memory]);
}

async function asRoot(
  host: Host,
  program: string,
  args: readonly string[],
  stdin?: string,
): Promise<void> {
  // By full path: an ordinary user's PATH often lacks the directories of such programs.
  const path = await host.which(program) ?? program;
  await run(host.privilege.asRoot([path, ...args]), stdin === undefined ? {} : { stdin });
}

function errorText(error: unknown): string {
  const log = error instanceof NixboxError ? error.log.join("\n") : "";
  return `${messageOf(error)}\n${log}`;
}
