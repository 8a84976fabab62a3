import { type SlotAddresses, slotAddresses } from "./policy/addresses.ts";
import { clientHelloReader } from "./inspector/client_hello_program.ts";
import {
  dnsmasqConfig,
  type DnsmasqPaths,
  dnsmasqPaths,
  dnsmasqServers,
  resolverUid,
} from "./dns/dnsmasq.ts";
import { dnsmasqCommand, type DnsmasqFiles, prepareArguments } from "./dns/dnsmasq_process.ts";
import { firewallRules } from "./rules/firewall.ts";
import { helloRetryFilter } from "./inspector/hello_retry_program.ts";
import type { HostNetwork } from "./host_network.ts";
import { forwardSwitch } from "./forwarding.ts";
import { hostRules, linkBatch, routingBatch, uplinkBatch } from "./rules/host_rules.ts";
import {
  inspectorConfig,
  inspectorNames,
  inspectorOf,
  inspectorPaths,
} from "./inspector/inspector.ts";
import type { InspectorFiles } from "./inspector/inspector_process.ts";
import { type NamespacePlan, reversePathSwitch } from "./join.ts";
import { inNamespace } from "./namespace/namespace.ts";
import { inspected, needsInspector, type NetworkPolicy } from "./policy/policy.ts";
import { reachAction } from "./reach.ts";
import { createTapBatch, openTapBatch } from "./namespace/tap.ts";
import type { Watch } from "./watch.ts";

/** What one guest's network follows from. */
export interface NetworkPlanInput {
  readonly slot: number;
  readonly mac: string;
  /** The guest's host name. */
  readonly hostname: string;
  readonly cpus: number;
  readonly user: { readonly uid: number; readonly gid: number };
  readonly hostHasIpv6: boolean;
  readonly policy: NetworkPolicy;
  /** What the host has of addresses and networks. */
  readonly hostNetwork: HostNetwork;
  /** Where machines have their addresses. */
  readonly range: string;
  readonly canFilterRecords: boolean;
  /** The host-wide directory, owned by root. */
  readonly sharedDirectory: string;
}

/** One guest's network: every text and command that makes it. */
export interface NetworkPlan extends NamespacePlan {
  /** What the rules know of the host. */
  readonly hostNetwork: HostNetwork;
  /** Whether the host must forward packets. */
  readonly forwards: boolean;
  /** DHCP and DNS. */
  readonly dnsmasq: DnsmasqFiles;
  /** In mode `filtered`, where names are looked at. */
  readonly inspector?: InspectorFiles;
  /** Keeps logs short, and in mode `filtered` takes addresses back when dnsmasq dies. */
  readonly watch: Watch;
}

/** Plans one guest's network on Linux: a pure function of its input. */
export function networkPlan(input: NetworkPlanInput): NetworkPlan {
  const { mac, hostname, policy, canFilterRecords, sharedDirectory, hostHasIpv6, user } = input;
  const slot = slotAddresses(input.slot, input.range);
  const { namespace } = slot;
  const paths = dnsmasqPaths(sharedDirectory, input.slot);
  const uid = resolverUid(slot);
  return {
    slot,
    hostNetwork: input.hostNetwork,
    tap: createTapBatch(slot, { uid: user.uid, cpus: input.cpus, hostHasIpv6 }),
    firewall: firewallRules({ slot, mac, policy, hostNetwork: input.hostNetwork }),
    hostRules: hostRules(slot),
    link: linkBatch(slot, hostHasIpv6) + routingBatch(slot, user.uid),
    uplink: uplinkBatch(slot, hostHasIpv6) + openTapBatch(slot, mac),
    forwards: policy.mode !== "off",
    dnsmasq: {
      paths,
      config: dnsmasqConfig({ slot, paths, mac, hostname, policy, canFilterRecords }),
      servers: dnsmasqServers(policy),
      namespace,
      uid,
      prepare: prepareArguments(paths, user.gid, uid),
    },
    ...(needsInspector(policy) ? { inspector: inspectorFiles(slot, paths.directory, policy) } : {}),
    watch: watchOf(slot, paths),
  };
}

/**
 * What is watched beside a machine: in every mode a guest can make its resolver say something (leases,
 * names that lead into private places), as often as it likes.
 */
export function watchOf({ namespace, table }: SlotAddresses, paths: DnsmasqPaths): Watch {
  const { directory, log } = paths;
  return { directory, namespace, table, logs: [log, inspectorPaths(directory).log] };
}

/** The inspector of a slot under a policy. */
export function inspectorFiles(
  slot: SlotAddresses,
  directory: string,
  policy: NetworkPolicy,
): InspectorFiles {
  const paths = inspectorPaths(directory);
  const { uid, tlsPort, httpPort } = inspectorOf(slot);
  const { tls, http } = inspected(policy);
  return {
    paths,
    config: inspectorConfig(slot, paths, policy),
    program: clientHelloReader + helloRetryFilter + reachAction(slot.gateway),
    names: inspectorNames(policy),
    uid,
    namespace: slot.namespace,
    ports: [...(tls ? [tlsPort] : []), ...(http ? [httpPort] : [])],
  };
}

/** Every command that runs as root for a guest's network, in order, for `up --dry-run`. */
export function networkCommands(plan: NetworkPlan): readonly (readonly string[])[] {
  const { slot, dnsmasq, inspector, watch } = plan;
  const inside = (...argv: readonly string[]) => inNamespace(slot.namespace, argv);
  return [
    ["ip", "netns", "add", slot.namespace],
    ["ip", "-netns", slot.namespace, "-batch", "-"],
    inside("nft", "-f", "-"),
    ["nft", "-f", "-"],
    ["ip", "-batch", "-"],
    ["tee", reversePathSwitch(slot.link)],
    inside("tee", forwardSwitch),
    ["ip", "-netns", slot.namespace, "-batch", "-"],
    ...(plan.forwards ? [["tee", forwardSwitch], ["iptables", "-I", "DOCKER-USER", "..."]] : []),
    ["sh", "-c", "(lib/network/dnsmasq_process.ts)", ...dnsmasq.prepare.slice(2)],
    ["tee", dnsmasq.paths.servers],
    ["tee", dnsmasq.paths.config],
    inside(...dnsmasqCommand(dnsmasq.uid, dnsmasq.paths.config, "dnsmasq")),
    ...(inspector === undefined ? [] : [
      ["install", "-d", "-m", "755", inspector.paths.jail],
      ["tee", inspector.paths.clientHello],
      ["tee", inspector.paths.names],
      ["tee", inspector.paths.config],
      inside("haproxy", "-db", "-f", inspector.paths.config),
    ]),
    inside("nft", "--stateless", "--terse", "list", "ruleset"),
    ["nft", "--stateless", "--terse", "list", "table", "inet", slot.table],
    ["tee", `${dnsmasq.paths.directory}/rules`],
    inside("sh", "-c", "(lib/network/watch.ts)", watch.directory),
  ];
}
