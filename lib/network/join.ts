import type { Host } from "../host/host.ts";
import { messageOf, NixboxError } from "../base/error.ts";
import { exists } from "../host/files/files.ts";
import { runAsRoot } from "../host/root/as_root.ts";
import type { SlotAddresses } from "./policy/addresses.ts";
import { forwardSwitch } from "./forwarding.ts";
import { removeRulesBatch, removeTable, routingBatch } from "./rules/host_rules.ts";
import { explainRefusal } from "./rules/kernel_features.ts";
import { deleteNamespace, runInNamespace } from "./namespace/namespace.ts";

/** What makes a slot's namespace and joins it to the host, as far as it follows from the plan. */
export interface NamespacePlan {
  /** Names and addresses. */
  readonly slot: SlotAddresses;
  /** For `ip -netns NAMESPACE -batch -`: the tap, down. */
  readonly tap: string;
  /** For `nft -f -` in the namespace: what the guest may reach. */
  readonly firewall: string;
  /** For `nft -f -` on the host: the way out. */
  readonly hostRules: string;
  /** For `ip -batch -` on the host: the veth pair, routes and rules of routing. */
  readonly link: string;
  /** For `ip -netns NAMESPACE -batch -`: its end of the pair, then the tap up. */
  readonly uplink: string;
}

/**
 * Makes a slot's namespace with a tap that is down, and loads its rules in one transaction: all of
 * them, or none and an error.
 *
 * @throws {NixboxError} that names the kernel's missing modules, where that is the cause.
 */
export async function loadFirewall(host: Host, plan: NamespacePlan): Promise<void> {
  const { slot } = plan;
  await runAsRoot(host, ["ip", "netns", "add", slot.namespace]);
  await makeTap(host, plan);
  await loadRules(host, slot, plan.firewall);
  await asRules(host, () => runAsRoot(host, ["nft", "-f", "-"], plan.hostRules));
}

/** Loads rules into a slot's namespace. */
export async function loadRules(
  host: Host,
  slot: Pick<SlotAddresses, "namespace">,
  rules: string,
): Promise<void> {
  await asRules(host, () => runInNamespace(host, slot, ["nft", "-f", "-"], rules));
}

async function asRules(host: Host, load: () => Promise<unknown>): Promise<void> {
  try {
    await load();
  } catch (error) {
    throw await explainRefusal(host, error);
  }
}

async function makeTap(host: Host, { slot, tap }: NamespacePlan): Promise<void> {
  try {
    await runAsRoot(host, ["ip", "-netns", slot.namespace, "-batch", "-"], tap);
  } catch (error) {
    if (!/\/dev\/net\/tun|ioctl\(TUNSETIFF\)/.test(errorText(error))) throw error;
    throw new NixboxError("the kernel gave no tap device", {
      hint: "load the module (`sudo modprobe tun`) and check that /dev/net/tun is there",
      cause: error,
    });
  }
}

/** Removes a slot's namespace with all rules in it, and its rules on the host. */
export async function deleteFirewall(host: Host, slot: SlotNames): Promise<void> {
  await runAsRoot(host, ["nft", "-f", "-"], removeTable("inet", slot.table));
  await deleteNamespace(host, slot.namespace);
}

/** Whether an interface takes only packets that their sender could be answered by (ip-sysctl). */
export function reversePathSwitch(link: string): string {
  return `/proc/sys/net/ipv4/conf/${link}/rp_filter`;
}

/** Joins a slot's namespace to the host, and puts its tap into use. */
export async function joinNamespace(host: Host, plan: NamespacePlan): Promise<void> {
  const { slot, link, uplink } = plan;
  try {
    await runAsRoot(host, ["ip", "-batch", "-"], link);
  } catch (error) {
    throw explainLink(error);
  }
  await runAsRoot(host, ["tee", reversePathSwitch(slot.link)], "1\n");
  await runInNamespace(host, slot, ["tee", forwardSwitch], "1\n");
  await runAsRoot(host, ["ip", "-netns", slot.namespace, "-batch", "-"], uplink);
}

/** What a kernel says that lacks virtual links or rules of routing. */
function explainLink(error: unknown): unknown {
  if (!/Unknown device type|not supported/.test(errorText(error))) return error;
  return new NixboxError("the kernel cannot join a network namespace to this host", {
    hint:
      "load the module (`sudo modprobe veth`); it needs CONFIG_VETH and CONFIG_IP_MULTIPLE_TABLES",
    log: error instanceof NixboxError ? error.log : [],
    cause: error,
  });
}

/** Cuts a slot's namespace off from the host. */
export async function partNamespace(host: Host, slot: SlotNames): Promise<void> {
  if (await exists(`/sys/class/net/${slot.link}`)) {
    await runAsRoot(host, ["ip", "link", "delete", slot.link]);
  }
  // Some may be missing, which is not a fault.
  const batch = removeRulesBatch(slot);
  await runAsRoot(host, ["ip", "-force", "-batch", "-"], batch, { accept: "any" });
}

/** Makes the host's routes and rules of routing of a slot again, and its check of the way back. */
export async function restoreRouting(host: Host, slot: SlotAddresses, uid: number): Promise<void> {
  const removal = removeRulesBatch(slot);
  await runAsRoot(host, ["ip", "-force", "-batch", "-"], removal, { accept: "any" });
  await runAsRoot(host, ["ip", "-batch", "-"], routingBatch(slot, uid));
  await runAsRoot(host, ["tee", reversePathSwitch(slot.link)], "1\n");
}

/** What a slot is known by, whatever its addresses. */
export type SlotNames = Pick<SlotAddresses, "namespace" | "link" | "table" | "firstRule">;

function errorText(error: unknown): string {
  const log = error instanceof NixboxError ? error.log.join("\n") : "";
  return `${messageOf(error)}\n${log}`;
}
