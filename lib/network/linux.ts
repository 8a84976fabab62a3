import type { Host } from "../host/host.ts";
import { messageOf, NixboxError } from "../host/error.ts";
import { exists } from "../host/files.ts";
import { runAsRoot } from "../host/as_root.ts";
import { removeFirewall } from "./firewall.ts";
import { explainRefusal } from "./kernel_features.ts";

/**
 * Loads a slot's rules in one transaction: all of them, or none and an error.
 *
 * @throws {NixboxError} that names the kernel's missing modules, where that is the cause.
 */
export async function loadFirewall(host: Host, rules: string): Promise<void> {
  try {
    await runAsRoot(host, ["nft", "-f", "-"], rules);
  } catch (error) {
    throw await explainRefusal(host, error);
  }
}

export async function deleteFirewall(host: Host, table: string): Promise<void> {
  await runAsRoot(host, ["nft", "-f", "-"], removeFirewall(table));
}

/** Makes a tap by lines for `ip -batch`. */
export async function createTap(host: Host, batch: string): Promise<void> {
  try {
    await runAsRoot(host, ["ip", "-batch", "-"], batch);
  } catch (error) {
    if (!/\/dev\/net\/tun|ioctl\(TUNSETIFF\)/.test(errorText(error))) throw error;
    throw new NixboxError("the kernel gave no tap device", {
      hint: "load the module (`sudo modprobe tun`) and check that /dev/net/tun is there",
      cause: error,
    });
  }
}

export async function deleteTap(host: Host, tap: string): Promise<void> {
  if (await exists(`/sys/class/net/${tap}`)) await runAsRoot(host, ["ip", "link", "delete", tap]);
}

const forwardSwitch = "/proc/sys/net/ipv4/ip_forward";

/** Lets the host forward IPv4, remembering in `memory` that it did not before. */
export async function enableForwarding(host: Host, memory: string): Promise<void> {
  if ((await Deno.readTextFile(forwardSwitch)).trim() === "1") return;
  await runAsRoot(host, ["tee", memory], "0\n");
  await runAsRoot(host, ["tee", forwardSwitch], "1\n");
}

/** Puts forwarding back as it was, when the last machine has gone. */
export async function restoreForwarding(host: Host, memory: string): Promise<void> {
  if (!await exists(memory)) return;
  await runAsRoot(host, ["tee", forwardSwitch], "0\n");
  await runAsRoot(host, ["rm", "-f", memory]);
}

function errorText(error: unknown): string {
  const log = error instanceof NixboxError ? error.log.join("\n") : "";
  return `${messageOf(error)}\n${log}`;
}
