import type { Host } from "../../host/host.ts";
import { NixboxError } from "../../base/error.ts";
import { installHint, type Tool, toolsFor } from "../../host/tools.ts";
import { run, toolMs } from "../../host/process/run.ts";
import type { Config } from "../../config/config.ts";
import { needsInspector, policyOf } from "../../network/policy/policy.ts";

/**
 * The programs that a machine needs to go up, checked all at once and before anything is changed.
 *
 * @throws {NixboxError} that names every missing one and how to install them.
 */
export async function requireTools(host: Host): Promise<void> {
  const missing: Tool[] = [];
  for (const tool of toolsFor(host.os).filter(({ neededFor }) => neededFor === "up")) {
    if (await host.which(tool.program) === undefined) missing.push(tool);
  }
  if (missing.length === 0) return;
  const names = missing.map(({ program }) => program).join(", ");
  throw new NixboxError(`this host lacks ${names}`, {
    hint: await installHint(missing.map(({ program }) => program)),
  });
}

/** What this host's dnsmasq can do. */
export interface DnsmasqFeatures {
  /** The first line of `dnsmasq --version`. */
  readonly version: string;
  /** Whether it puts the addresses of its answers into nftables sets. */
  readonly nftset: boolean;
  /** Whether it can leave kinds of records out of answers (2.90 and later). */
  readonly filterRecords: boolean;
}

export async function dnsmasqFeatures(host: Host): Promise<DnsmasqFeatures> {
  const dnsmasq = await host.which("dnsmasq") ?? "dnsmasq";
  const { stdout } = await run([dnsmasq, "--version"], { accept: "any", timeoutMs: toolMs });
  return parseDnsmasqVersion(stdout);
}

/** Reads what `dnsmasq --version` prints. */
export function parseDnsmasqVersion(text: string): DnsmasqFeatures {
  const [, major, minor] = /version (\d+)\.(\d+)/.exec(text) ?? [];
  return {
    version: (text.split("\n")[0] ?? "").replace(/\s+Copyright.*/, ""),
    nftset: /(?<!no-)\bnftset\b/.test(text),
    filterRecords: Number(major) > 2 || (Number(major) === 2 && Number(minor) >= 90),
  };
}

/**
 * What the config's network mode needs beside the programs of every machine.
 *
 * @throws {NixboxError} that says what is missing: a guest is never given more than its config
 * allows, for want of a program.
 */
export async function requireNetwork(host: Host, network: Config["network"]): Promise<void> {
  if (network.mode !== "filtered") return;
  const { version, nftset } = await dnsmasqFeatures(host);
  if (!nftset) {
    throw new NixboxError(`network.mode "filtered" needs dnsmasq with nftset; here is ${version}`, {
      where: "network.mode",
      hint: "install dnsmasq 2.87 or later, built with nftset; nothing was started",
    });
  }
  if (!needsInspector(policyOf(network, [])) || await host.which("haproxy") !== undefined) return;
  throw new NixboxError("network.inspect needs haproxy, which is not installed", {
    where: "network.inspect",
    hint: `${await installHint(["haproxy"])}, or filter by address alone: network.inspect = false`,
  });
}

/** Below this, a guest that looks at a large tree may run out. */
export const enoughOpenFiles = 65_536;

export function openFilesWarning(limit: number): string {
  return `this host lets virtiofsd have ${limit} files open at most: in a share where the guest ` +
    'knows more, it gets "Too many open files"';
}

export const openFilesHint = "raise the hard limit: `* hard nofile 1048576` in " +
  "/etc/security/limits.conf, then log in again; in a container, where that is started";
