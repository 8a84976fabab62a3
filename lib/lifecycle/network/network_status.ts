import type { Host } from "../../host/host.ts";
import { processesSeenByRoot } from "../../host/root/root_processes.ts";
import { slotAddresses } from "../../network/policy/addresses.ts";
import { dnsmasqPaths, hostName, resolverUid } from "../../network/dns/dnsmasq.ts";
import { dnsmasqPid } from "../../network/dns/dnsmasq_process.ts";
import { inspectorOf } from "../../network/inspector/inspector.ts";
import { inspected, needsInspector, type NetworkPolicy } from "../../network/policy/policy.ts";
import { countAllowed } from "../../network/rules/refused_sets.ts";
import { hasTap, hasVsock, type VmRecord, type VsockRecord } from "../../state/record.ts";
import { defaultSlotPlace, type SlotPlace } from "../../state/slots.ts";
import { requireRunning } from "../machine/machine.ts";
import { faultsInWords, faultsOf, isOfRules } from "./faults.ts";
import { runningProxy } from "./proxy_place.ts";

/** A running machine's network as `network status` tells it, also its shape in JSON. */
export interface NetworkStatus {
  /** The machine's name. */
  readonly name: string;
  /** The guest's address on the host's tap. */
  readonly address?: string;
  /** The host's end of the tap. */
  readonly gateway?: string;
  /** What the guest may reach now. */
  readonly policy: NetworkPolicy;
  /** Addresses that names have led to and that pass now. */
  readonly allowedAddresses: number;
  /** Whether the programs that the policy needs run. */
  readonly services: {
    readonly dnsmasq?: boolean;
    readonly inspector?: boolean;
    readonly proxy?: boolean;
  };
  /** The rules in force, in words: a sentence each; none where the kernel has others. */
  readonly rules: readonly string[];
  /** What the kernel has otherwise than it must be, or the host has changed: a sentence each. */
  readonly problems: readonly string[];
}

/** Tells what a running machine may reach. @throws {NixboxError} with exit code 3 if none runs. */
export async function networkStatus(
  host: Host,
  id: string,
  place: SlotPlace = defaultSlotPlace,
): Promise<NetworkStatus> {
  const record: VmRecord = await requireRunning(host, id);
  if (hasVsock(record)) return await vsockStatus(host, record);
  const { name, network } = record;
  if (network.kind !== "tap") throw new TypeError("a machine is on a tap or on vsock");
  const { policy, slot, address, gateway } = network;
  const names = slotAddresses(slot);
  const paths = dnsmasqPaths(place.directory, slot);
  const dnsmasq = await dnsmasqPid(host, paths, resolverUid({ slot })) !== undefined;
  const inspectors = await (await processesSeenByRoot(host)).ownedBy(inspectorOf({ slot }).uid);
  const faults = await faultsOf(host, place, { ...record, network });
  return {
    name,
    address,
    gateway,
    policy,
    allowedAddresses: policy.mode === "filtered" ? await countAllowed(host, names) : 0,
    services: {
      dnsmasq,
      ...(needsInspector(policy) ? { inspector: inspectors.length > 0 } : {}),
    },
    rules: faults.some(isOfRules) ? [] : rulesInWords(policy),
    problems: faultsInWords(faults),
  };
}

/** What is wrong with a running machine's network, a sentence each. */
export async function networkProblems(
  host: Host,
  id: string,
  place: SlotPlace = defaultSlotPlace,
): Promise<readonly string[]> {
  const record = await requireRunning(host, id);
  return hasTap(record) ? faultsInWords(await faultsOf(host, place, record)) : [];
}

async function vsockStatus(host: Host, record: VsockRecord): Promise<NetworkStatus> {
  const { policy } = record.network;
  return {
    name: record.name,
    policy,
    allowedAddresses: 0,
    services: policy.mode === "filtered"
      ? { proxy: await runningProxy(host, record) !== undefined }
      : {},
    rules: vsockRules(policy),
    problems: [],
  };
}

/** As {@linkcode rulesInWords}, where the OS' own network or the proxy keeps them. */
export function vsockRules(policy: NetworkPolicy): string[] {
  const { mode, domains, denied, ports, inspect, allowPrivate } = policy;
  if (mode === "off") return rulesInWords(policy);
  if (mode === "open") {
    return [
      "everything is reached that this Mac reaches, its own services and the LAN too",
      policy.resolvers.length === 0
        ? "names are resolved by macOS' own DHCP and DNS for guests"
        : `names are resolved by ${policy.resolvers.join(", ")}`,
    ];
  }
  return [
    "there is no network card: nothing is reached but by the proxy, which is for TCP only",
    `only these names are reached: ${domains.join(", ") || "none"}`,
    ...(denied.length === 0 ? [] : [`of those, not: ${denied.join(", ")}`]),
    `only on these ports: ${ports.join(", ") || "none"}`,
    inspect
      ? "on 443 (TLS) a connection must name the same name itself"
      : "names in TLS are not looked at",
    allowPrivate.length === 0
      ? "names that lead to private addresses are refused"
      : `of private addresses only these pass: ${allowPrivate.join(", ")}`,
  ];
}

/** The policy, a sentence for each thing that it allows or refuses. */
export function rulesInWords(policy: NetworkPolicy): string[] {
  const { mode, allowHost, allowPrivate } = policy;
  if (mode === "off") {
    return [
      "nothing is reached: no name, no address, not this host",
      "you reach the guest: shell, run, shares",
    ];
  }
  return [
    ...(mode === "open" ? openRules(policy) : filteredRules(policy)),
    allowHost.length === 0
      ? "of this host nothing is reached"
      : `of this host these TCP ports are reached, as ${hostName}: ${allowHost.join(", ")}`,
    allowPrivate.length === 0
      ? "private addresses are refused: LANs, VPNs, containers, cloud metadata"
      : `of private addresses only these pass: ${allowPrivate.join(", ")}`,
    "other machines of nixbox are refused",
    "there is no IPv6",
  ];
}

function openRules(policy: NetworkPolicy): string[] {
  return [
    `every name is resolved, by ${policy.resolvers.join(", ")}`,
    "every public address is reached, by any protocol",
  ];
}

function filteredRules(policy: NetworkPolicy): string[] {
  const { domains, denied, ports, resolvers } = policy;
  const { tls, http } = inspected(policy);
  const looked = [...(tls ? ["443 (TLS)"] : []), ...(http ? ["80 (HTTP)"] : [])];
  return [
    `only these names are resolved, by ${resolvers.join(", ")}: ${domains.join(", ") || "none"}`,
    ...(denied.length === 0 ? [] : [`of those, not: ${denied.join(", ")}`]),
    `only addresses that these names led to are reached, on TCP ${ports.join(", ") || "(no port)"}`,
    looked.length === 0
      ? "names in connections are not looked at"
      : `on ${
        looked.join(" and ")
      } a connection must name an allowed name, too, and goes where that leads`,
  ];
}
