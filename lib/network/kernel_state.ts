import * as z from "../base/zod.ts";
import { runAsRoot } from "../host/root/as_root.ts";
import { NixboxError } from "../base/error.ts";
import { exists, readTextIfExists } from "../host/files/files.ts";
import type { Host } from "../host/host.ts";
import { parseJson } from "../base/json.ts";
import { run, toolMs } from "../host/process/run.ts";
import { rulesOfSlot, type SlotAddresses } from "./policy/addresses.ts";
import { forwardSwitch, isForwardingHeld } from "./forwarding.ts";
import { type HostNetwork, hostNetwork } from "./host_network.ts";
import { routingRuleCount } from "./rules/host_rules.ts";
import { namespacePath, runInNamespace } from "./namespace/namespace.ts";
import type { NetworkPolicy } from "./policy/policy.ts";
import { upstreamResolvers } from "./resolvers.ts";

/** What is wrong with a slot's network, as the kernel has it. */
export type NetworkFault =
  | "no-namespace"
  | "no-link"
  | "rules-inside"
  | "rules-outside"
  | "routing"
  | "resolvers"
  | "addresses"
  | "forwarding"
  | "router";

/** Each fault in words. Where something is missing nothing gets out, but for the last. */
export const faultTexts: Readonly<Record<NetworkFault, string>> = {
  "no-namespace": "its network namespace is gone",
  "no-link": "the way from this host to its network namespace is gone",
  "rules-inside": "the rules in its network namespace are not those that nixbox loaded",
  "rules-outside": "this host's rules for it are gone or changed: something flushed them",
  "routing": "this host's routing rules for it are gone or changed",
  "resolvers": "this host asks other resolvers now than the machine",
  "addresses": "this host has other addresses or networks now than the machine's rules know",
  "forwarding": "this host does not forward packets (ip_forward is 0)",
  "router": "this host forwards packets for others, too: the rule that kept it from that is gone",
};

/** The rules of a slot as nft(8) lists them, in the namespace and on the host; without what counts. */
async function listRules(
  host: Host,
  slot: SlotAddresses,
): Promise<{ readonly inside: string; readonly outside: string }> {
  const nft = ["nft", "--stateless", "--terse", "list"];
  const any = { accept: "any" } as const;
  const [inside, outside] = await Promise.all([
    runInNamespace(host, slot, [...nft, "ruleset"], undefined, any),
    runAsRoot(host, [...nft, "table", "inet", slot.table], undefined, any),
  ]);
  return { inside: inside.stdout, outside: outside.stdout };
}

const between = "\n-- and then:\n";

function rulesFile(directory: string): string {
  return `${directory}/rules`;
}

/**
 * Keeps the rules of a slot as the kernel lists them now, and what they were made from.
 *
 * @throws {NixboxError} if they cannot be read: nobody could tell later whether they are still there.
 */
export async function rememberRules(
  host: Host,
  slot: SlotAddresses,
  directory: string,
  { addresses, subnets }: HostNetwork,
): Promise<void> {
  const { inside, outside } = await listRules(host, slot);
  if (inside === "" || outside === "") {
    throw new NixboxError("the rules that were loaded cannot be read back (`nft list`)", {
      where: slot.table,
      hint: "`sudo nft list ruleset` says why",
    });
  }
  await runAsRoot(
    host,
    ["tee", rulesFile(directory)],
    [JSON.stringify({ addresses, subnets }), inside, outside].join(between),
  );
}

const rules = z.array(z.object({ priority: z.number() }));

async function hasRouting(host: Host, slot: SlotAddresses): Promise<boolean> {
  const ip = await host.which("ip") ?? "ip";
  const [list, routes] = await Promise.all([
    run([ip, "-json", "-4", "rule", "show"], { timeoutMs: toolMs }),
    run([ip, "-json", "-4", "route", "show", "table", `${slot.routes}`], {
      accept: "any",
      timeoutMs: toolMs,
    }),
  ]);
  const found = rules.safeParse(parseJson(list.stdout));
  if (!found.success || routes.code !== 0) return false;
  const mine = found.data.filter(({ priority }) =>
    priority >= slot.firstRule && priority < slot.firstRule + rulesOfSlot
  );
  return mine.length === routingRuleCount(slot) && routes.stdout.includes(slot.address);
}

/** A host without any resolver has lost its network, which gives no other one to ask. */
async function hasOtherResolvers(policy: NetworkPolicy): Promise<boolean> {
  if (policy.followsHost !== true) return false;
  const now = await upstreamResolvers([]).catch(() => policy.resolvers);
  return JSON.stringify(now) !== JSON.stringify(policy.resolvers);
}

/**
 * Compares what the kernel has of a running machine's network with what nixbox made. What cannot be
 * read counts as gone.
 */
export async function networkFaults(
  host: Host,
  slot: SlotAddresses,
  places: { readonly directory: string; readonly forwardingMemory: string },
  policy: NetworkPolicy,
): Promise<readonly NetworkFault[]> {
  if (!await exists(namespacePath(slot.namespace))) return ["no-namespace"];
  if (!await exists(`/sys/class/net/${slot.link}`)) return ["no-link"];
  const [network, expected, expectedOutside] =
    (await readTextIfExists(rulesFile(places.directory)) ?? "").split(between);
  const { inside, outside } = await listRules(host, slot);
  const faults: NetworkFault[] = [];
  if (inside === "" || inside !== expected) faults.push("rules-inside");
  if (outside === "" || outside !== expectedOutside) faults.push("rules-outside");
  if (!await hasRouting(host, slot)) faults.push("routing");
  const { addresses, subnets } = await hostNetwork(host);
  if (network !== JSON.stringify({ addresses, subnets })) faults.push("addresses");
  if (policy.mode === "off") return faults;
  if (await hasOtherResolvers(policy)) faults.push("resolvers");
  if ((await Deno.readTextFile(forwardSwitch)).trim() !== "1") faults.push("forwarding");
  if (!await isForwardingHeld(host, places.forwardingMemory)) faults.push("router");
  return faults;
}
