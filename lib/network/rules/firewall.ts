import { nonPublicRanges } from "../../base/ipv4.ts";
import type { SlotAddresses } from "../policy/addresses.ts";
import { resolverUid } from "../dns/dnsmasq.ts";
import type { HostNetwork } from "../host_network.ts";
import { mark, removeTable } from "./host_rules.ts";
import { inspectorOf } from "../inspector/inspector.ts";
import { linkRules } from "./link_rules.ts";
import { dnsRequestRules, dnsRequestSets } from "./dns_request_rules.ts";
import { inspected, needsInspector, type NetworkPolicy, plainPorts } from "../policy/policy.ts";

/** What the rules of one slot follow from. */
export interface FirewallInput {
  readonly slot: SlotAddresses;
  /** The guest's MAC address. */
  readonly mac: string;
  readonly policy: NetworkPolicy;
  /** What the host has of addresses and networks. */
  readonly hostNetwork: HostNetwork;
}

/** How long an address stays allowed after the last answer that named it, or packet to it (nft(8)). */
export const addressLifetime = "1h";

/** How many refusals of one kind are remembered, and for how long. */
const memory = "size 2048; timeout 24h; flags dynamic,timeout;";

/** Connections that one guest may have open: it must not fill the host's table of connections. */
const mostConnections = 16384;

/**
 * The nftables rules of one slot's namespace (nft(8)). Loaded in one transaction, before anything in
 * the namespace is up; the tables of an earlier life are replaced.
 *
 * Everything in the namespace is this machine's, so that its chains drop what no rule is about: there
 * is no other software whose traffic that could cut.
 */
export function firewallRules(input: FirewallInput): string {
  const { table } = input.slot;
  return `${linkRules(input)}${removeTable("inet", table)}table inet ${table} {
${
    [
      sets(input),
      hooks(input),
      toHost(input),
      toNetwork(input),
      dnsRequestRules(input.policy),
      refusals(),
    ].join("\n")
  }}
`;
}

function sets({ slot, policy, hostNetwork }: FirewallInput): string {
  const kinds = ["host", "machine", "private", "address"].map((kind) =>
    `  set refused_${kind} { type ipv4_addr . inet_proto . inet_service; ${memory} }\n`
  ).join("");
  const resolvers = policy.mode === "off" ? [] : policy.resolvers;
  return `${kinds}  set refused_other { type ipv4_addr . inet_proto; ${memory} }
  set refused_ipv6 { type ipv6_addr . inet_proto; ${memory} }
${dnsRequestSets(policy, memory)}${addressSet("resolvers4", resolvers)}${
    addressSet("host4", [slot.hostAddress, ...hostNetwork.addresses])
  }${addressSet("private4", [...nonPublicRanges, ...hostNetwork.subnets])}${
    policy.allowPrivate.length === 0 ? "" : addressSet("chosen4", policy.allowPrivate)
  }${
    policy.mode === "filtered"
      ? `  set allow4 { type ipv4_addr; size 65535; timeout ${addressLifetime}; flags dynamic,timeout; }\n`
      : ""
  }`;
}

function addressSet(name: string, ranges: readonly string[]): string {
  const elements = ranges.length === 0 ? "" : ` elements = { ${ranges.join(", ")} }`;
  return `  set ${name} { type ipv4_addr; flags interval; auto-merge;${elements} }\n`;
}

/**
 * Where packets are taken up in the namespace. To the guest the host comes from the gateway's address,
 * which it has a way to without a route, as in mode `off`.
 */
function hooks({ slot, policy }: FirewallInput): string {
  const { tap, uplink, address, gateway, hostAddress, wayOut, wayToHost } = slot;
  return `${arriving({ slot, policy })}  chain untracked {
    type filter hook prerouting priority raw; policy accept;
    iifname "${tap}" meta mark set ${mark}
    iifname "${tap}" udp sport 68 udp dport 67 notrack
  }
  chain input {
    type filter hook input priority filter; policy drop;
    iifname "${tap}" goto to_host
    iifname "lo" accept
    iifname "${uplink}" ct direction reply ct state established,related accept
  }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "${tap}" oifname "${uplink}" goto to_network
    iifname "${uplink}" oifname "${tap}" goto to_guest
  }
  chain to_guest {
    ct direction reply ct state established,related accept
    ip saddr ${hostAddress} ip daddr ${address} accept
    counter drop
  }
  chain leaving {
    type nat hook postrouting priority srcnat; policy accept;
    oifname "${tap}" ip saddr ${hostAddress} snat ip to ${gateway}
    oifname != "${uplink}" accept
    ip daddr @host4 snat ip to ${wayToHost}
    snat ip to ${wayOut}
  }
${sending({ slot, policy })}`;
}

/** Of the programs in the namespace, each sends what it is there for; the hypervisor nothing. */
function sending({ slot, policy }: Pick<FirewallInput, "slot" | "policy">): string {
  const { uplink, tap } = slot;
  const { uid: inspector } = inspectorOf(slot);
  const resolver = resolverUid(slot);
  return `  chain output {
    type filter hook output priority filter; policy drop;
${
    needsInspector(policy)
      ? `    meta skuid ${inspector} goto from_inspector\n`
      : ""
  }    meta skuid ${resolver} goto from_resolver
    ct direction reply ct state established,related accept
    icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded } accept
    tcp flags rst accept
  }
  chain from_resolver {
    oifname "lo" accept
    oifname "${tap}" udp sport 67 udp dport 68 accept
    ct direction reply ct state established,related accept
    oifname "${uplink}" ip daddr @resolvers4 meta l4proto { tcp, udp } th dport 53 accept
    goto refuse
  }
`;
}

/** Connections whose name is looked at go to the inspector, which alone goes on with them. */
function arriving({ slot, policy }: Pick<FirewallInput, "slot" | "policy">): string {
  const { tap, address, gateway, hostAddress } = slot;
  const { tls, http } = inspected(policy);
  const { tlsPort, httpPort } = inspectorOf(slot);
  const mine = "ip daddr @allow4 tcp dport";
  const openPorts = hostPorts(policy);
  if (!needsInspector(policy) && openPorts.length === 0) return "";
  return `  chain arriving {
    type nat hook prerouting priority dstnat; policy accept;
    iifname != "${tap}" accept
    ip saddr != ${address} accept
${
    openPorts.length === 0
      ? ""
      : `    ip daddr ${gateway} tcp dport { ${openPorts.join(", ")} } dnat ip to ${hostAddress}\n`
  }${
    policy.allowPrivate.length === 0 ? "" : "    ip daddr @chosen4 accept\n"
  }    ip daddr @host4 accept
    ip daddr @private4 accept
${tls ? `    ${mine} 443 dnat ip to ${gateway}:${tlsPort}\n` : ""}${
    http ? `    ${mine} 80 dnat ip to ${gateway}:${httpPort}\n` : ""
  }  }
`;
}

/** Ports of the host's that the guest may reach. */
function hostPorts({ mode, allowHost }: NetworkPolicy): readonly number[] {
  return mode === "off" ? [] : allowHost;
}

/** What a guest sends to its gateway: the resolver and the inspector are there, and nothing else. */
function toHost({ slot, policy }: FirewallInput): string {
  const { address, gateway } = slot;
  const { tlsPort, httpPort } = inspectorOf(slot);
  const dns =
    `    ip daddr ${gateway} meta l4proto { tcp, udp } th dport 53 ct direction original goto asking\n`;
  return `  chain to_host {
    meta nfproto ipv6 goto refuse_ipv6
    udp sport 68 udp dport 67 accept
    ip saddr != ${address} counter drop
    fib daddr type { broadcast, multicast } counter drop
    ct direction reply ct state established,related accept
${policy.mode === "off" ? "" : dns}${
    needsInspector(policy)
      ? `    ip daddr ${gateway} tcp dport { ${tlsPort}, ${httpPort} } ct status dnat ${tooMany} goto refuse
    ip daddr ${gateway} tcp dport { ${tlsPort}, ${httpPort} } ct status dnat accept\n`
      : ""
  }    goto refuse_host
  }
`;
}

const tooMany = `ct state new ct count over ${mostConnections}`;

function toNetwork({ slot, policy }: FirewallInput): string {
  const { address, hostAddress, range } = slot;
  const chosen = policy.allowPrivate.length > 0;
  const ports = plainPorts(policy);
  const openPorts = hostPorts(policy);
  const verdict = {
    open: "    accept\n",
    off: "    goto refuse_address\n",
    filtered: `${ports.length === 0 ? "" : allowAddresses(ports)}    goto refuse_address\n`,
  }[policy.mode];
  const chosenPorts = policy.mode === "open" ? "" : ` tcp dport { ${policy.ports.join(", ")} }`;
  return `  chain to_network {
    meta nfproto ipv6 goto refuse_ipv6
    ip saddr != ${address} counter drop
    ip daddr ${hostAddress} ct direction reply ct state established,related accept
    ct state invalid goto refuse
    ${tooMany} goto refuse
${
    openPorts.length === 0
      ? ""
      : `    ip daddr @host4 tcp dport { ${openPorts.join(", ")} } accept\n`
  }    ip daddr @host4 goto refuse_host
    ip daddr ${range} goto refuse_machine
${policy.mode === "off" || !chosen ? "" : `    ip daddr @chosen4${chosenPorts} accept\n`}${
    policy.mode === "off" ? "" : "    ip daddr @private4 goto refuse_private\n"
  }${verdict}  }
${needsInspector(policy) ? fromInspector(slot, chosen) : ""}`;
}

function fromInspector({ gateway, range }: SlotAddresses, chosen: boolean): string {
  return `  chain from_inspector {
    meta nfproto ipv6 goto refuse
    ct direction reply accept
    oifname "lo" ip daddr ${gateway} tcp dport 53 goto inspector_asking
    fib daddr type local goto refuse_host
    ip daddr @host4 goto refuse_host
    ip daddr ${range} goto refuse_machine
${
    chosen
      ? "    ip daddr @chosen4 tcp dport { 80, 443 } accept\n"
      : ""
  }    ip daddr @private4 goto refuse_private
${allowAddresses([80, 443])}    goto refuse_address
  }
`;
}

/** Every packet refreshes its address: a connection in use outlives the answer that allowed it. */
function allowAddresses(ports: readonly number[]): string {
  return `    ip daddr @allow4 tcp dport { ${
    ports.join(", ")
  } } update @allow4 { ip daddr timeout ${addressLifetime} } accept\n`;
}

/** Each refusal is remembered by what was asked for, and answered at once. */
function refusals(): string {
  const remembered = ["host", "machine", "private", "address"].map((kind) =>
    `  chain refuse_${kind} {
    meta l4proto { tcp, udp } update @refused_${kind} { ip daddr . meta l4proto . th dport counter }
    meta l4proto != { tcp, udp } update @refused_other { ip daddr . meta l4proto counter }
    goto refuse
  }
`
  ).join("");
  return `${remembered}  chain refuse_ipv6 {
    update @refused_ipv6 { ip6 daddr . meta l4proto counter }
    goto refuse
  }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
`;
}
