import { type SlotAddresses, slotAddresses } from "./addresses.ts";
import {
  dnsmasqConfig,
  dnsmasqDirectoryArguments,
  dnsmasqPaths,
  dnsmasqServers,
} from "./dnsmasq.ts";
import type { DnsmasqFiles } from "./dnsmasq_process.ts";
import { firewallRules } from "./firewall.ts";
import { inspectorConfig, inspectorNames, inspectorOf, inspectorPaths } from "./inspector.ts";
import type { InspectorFiles } from "./inspector_process.ts";
import { inspected, needsInspector, type NetworkPolicy } from "./policy.ts";
import { createTapBatch } from "./tap.ts";
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
  readonly canFilterRecords: boolean;
  /** The host-wide directory, owned by root. */
  readonly sharedDirectory: string;
}

/** One guest's network: every text and command that makes it. */
export interface NetworkPlan {
  /** Rules for `nft -f -`. */
  readonly firewall: string;
  /** Lines for `ip -batch -`. */
  readonly tap: string;
  /** Name of the tap. */
  readonly device: string;
  /** Whether the host must forward packets. */
  readonly forwards: boolean;
  /** Arguments of install(1) for the slot's directory. */
  readonly directory: readonly string[];
  /** DHCP and DNS. */
  readonly dnsmasq: DnsmasqFiles;
  /** In mode `filtered`, where names are looked at. */
  readonly inspector?: InspectorFiles;
  /** In mode `filtered`: takes addresses back when dnsmasq dies, and keeps logs short. */
  readonly watch?: Watch;
}

/** Plans one guest's network on Linux: a pure function of its input. */
export function networkPlan(input: NetworkPlanInput): NetworkPlan {
  const { mac, hostname, policy, canFilterRecords, sharedDirectory } = input;
  const slot = slotAddresses(input.slot);
  const paths = dnsmasqPaths(sharedDirectory, input.slot);
  const { log: inspectorLog } = inspectorPaths(paths.directory);
  return {
    firewall: firewallRules({ slot, mac, policy }),
    tap: createTapBatch(slot, {
      uid: input.user.uid,
      cpus: input.cpus,
      mac,
      hostHasIpv6: input.hostHasIpv6,
    }),
    device: slot.tap,
    forwards: policy.mode !== "off",
    directory: dnsmasqDirectoryArguments(paths, input.user.gid),
    dnsmasq: {
      paths,
      config: dnsmasqConfig({ slot, paths, mac, hostname, policy, canFilterRecords }),
      servers: dnsmasqServers(policy),
    },
    ...(needsInspector(policy) ? { inspector: inspectorFiles(slot, paths.directory, policy) } : {}),
    ...(policy.mode === "filtered"
      ? {
        watch: {
          directory: paths.directory,
          pidFile: paths.pidFile,
          table: slot.table,
          logs: [paths.log, inspectorLog],
        },
      }
      : {}),
  };
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
    names: inspectorNames(policy),
    uid,
    listens: {
      address: slot.gateway,
      ports: [...(tls ? [tlsPort] : []), ...(http ? [httpPort] : [])],
    },
  };
}

/** Every command that runs as root for a guest's network, in order, for `up --dry-run`. */
export function networkCommands(plan: NetworkPlan): readonly (readonly string[])[] {
  const { dnsmasq, inspector, watch } = plan;
  return [
    ["nft", "-f", "-"],
    ["ip", "-batch", "-"],
    ...(plan.forwards
      ? [["tee", "/proc/sys/net/ipv4/ip_forward"], ["iptables", "-I", "DOCKER-USER", "..."]]
      : []),
    ["install", ...plan.directory],
    ["tee", dnsmasq.paths.servers],
    ["tee", dnsmasq.paths.config],
    ["env", "TZ=UTC", "dnsmasq", `--conf-file=${dnsmasq.paths.config}`],
    ...(inspector === undefined ? [] : [
      ["install", "-d", "-m", "755", inspector.paths.jail],
      ["tee", inspector.paths.clientHello],
      ["tee", inspector.paths.names],
      ["tee", inspector.paths.config],
      ["haproxy", "-db", "-f", inspector.paths.config],
    ]),
    ...(watch === undefined ? [] : [["sh", "-c", "(lib/network/watch.ts)", watch.directory]]),
  ];
}
