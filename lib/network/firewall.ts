import { nonPublicRanges } from "../host/ipv4.ts";
import type { SlotAddresses } from "./addresses.ts";
import { inspectorOf } from "./inspector.ts";
import { inspected, needsInspector, type NetworkPolicy, plainPorts } from "./policy.ts";

/** What the rules of one slot follow from. */
export interface FirewallInput {
  readonly slot: SlotAddresses;
  /** The guest's MAC address. */
  readonly mac: string;
  readonly policy: NetworkPolicy;
}

/** Seconds that an address stays allowed after the last answer that named it, or packet to it. */
export const addressLifetime = "1h";

/** How many refusals of one kind are remembered, and for how long. */
const memory = "size 2048; timeout 24h; flags dynamic,timeout;";

/** Connections that one guest may have open: it must not fill the host's table of connections. */
const mostConnections = 16384;

/**
 * The nftables rules of one slot (nft(8)). Loaded in one transaction; the table of an earlier life
 * is replaced.
 *
 * The chains accept what is not this guest's: a drop policy on a shared hook would cut the traffic
 * of other software. They stand five before the usual filter priority, since a later chain can
 * still refuse what an earlier one accepted, but not the other way round.
 */
export function firewallRules(input: FirewallInput): string {
  const { table } = input.slot;
  return `add table inet ${table}
delete table inet ${table}
table inet ${table} {
${[sets(input), hooks(input), toHost(input), toNetwork(input), refusals()].join("\n")}}
`;
}

/** Removes a slot's table; does nothing if there is none. */
export function removeFirewall(table: string): string {
  return `add table inet ${table}\ndelete table inet ${table}\n`;
}

function sets({ policy }: FirewallInput): string {
  const kinds = ["host", "machine", "private", "address"].map((kind) =>
    `  set refused_${kind} { type ipv4_addr . inet_proto . inet_service; ${memory} }\n`
  ).join("");
  return `${kinds}  set refused_other { type ipv4_addr . inet_proto; ${memory} }
  set refused_ipv6 { type ipv6_addr . inet_proto; ${memory} }
  set private4 { type ipv4_addr; flags interval; elements = { ${nonPublicRanges.join(", ")} } }
${
    policy.allowPrivate.length === 0
      ? ""
      : `  set chosen4 { type ipv4_addr; flags interval; auto-merge; elements = { ${
        policy.allowPrivate.join(", ")
      } } }\n`
  }${
    policy.mode === "filtered"
      ? `  set allow4 { type ipv4_addr; size 65535; timeout ${addressLifetime}; flags dynamic,timeout; }\n`
      : ""
  }`;
}

/**
 * Where packets are taken up: each base chain lets pass at once what is not of this slot. What
 * serves the guest on the gateway's address serves nobody from other networks, who could route to it.
 */
function hooks({ slot, policy }: FirewallInput): string {
  const { tap, address, gateway } = slot;
  const { uid } = inspectorOf(slot);
  const output = needsInspector(policy)
    ? `  chain output {
    type filter hook output priority filter - 5; policy accept;
    meta skuid ${uid} goto from_inspector
  }
`
    : "";
  return `${arriving({ slot, policy })}  chain input {
    type filter hook input priority filter - 5; policy accept;
    iifname "${tap}" goto to_host
    ip daddr ${gateway} iifname != "lo" iifname != "nbx*" goto refuse
  }
  chain forward {
    type filter hook forward priority filter - 5; policy accept;
    iifname "${tap}" goto to_network
    oifname "${tap}" goto to_guest
  }
${output}  chain leaving {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${address} oifname != "${tap}" masquerade
  }
  chain to_guest {
    ct direction reply ct state established,related accept
    counter drop
  }
`;
}

/** Connections whose name is looked at go to the inspector, which alone goes on with them. */
function arriving({ slot, policy }: Pick<FirewallInput, "slot" | "policy">): string {
  if (!needsInspector(policy)) return "";
  const { tap, address, gateway } = slot;
  const { tls, http } = inspected(policy);
  const { tlsPort, httpPort } = inspectorOf(slot);
  const mine = "ip daddr @allow4 tcp dport";
  return `  chain arriving {
    type nat hook prerouting priority dstnat; policy accept;
    iifname != "${tap}" accept
    ip saddr != ${address} accept
${
    policy.allowPrivate.length === 0
      ? ""
      : "    ip daddr @chosen4 accept\n"
  }    ip daddr @private4 accept
${tls ? `    ${mine} 443 dnat ip to ${gateway}:${tlsPort}\n` : ""}${
    http ? `    ${mine} 80 dnat ip to ${gateway}:${httpPort}\n` : ""
  }  }
`;
}

function toHost({ slot, mac, policy }: FirewallInput): string {
  const { address, gateway } = slot;
  const { tlsPort, httpPort } = inspectorOf(slot);
  const toDns = `    ip daddr ${gateway} meta l4proto { tcp, udp } th dport 53`;
  const dns = `${toDns} ${tooManyQuestions} counter drop\n${toDns} accept\n`;
  return `  chain to_host {
    ether saddr != ${mac} counter drop
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
  }${
    policy.mode === "off" || policy.allowHost.length === 0
      ? ""
      : `    tcp dport { ${policy.allowHost.join(", ")} } accept\n`
  }    goto refuse_host
  }
`;
}

/** A guest that asks on and on would keep dnsmasq, and its log, busy for nothing. */
const tooManyQuestions = "ct direction original limit rate over 1000/second burst 4000 packets";

const tooMany = `ct state new ct count over ${mostConnections}`;

function toNetwork({ slot, mac, policy }: FirewallInput): string {
  const { address, gateway } = slot;
  const chosen = policy.allowPrivate.length > 0;
  const ports = plainPorts(policy);
  const verdict = {
    open: "    accept\n",
    off: "    goto refuse_address\n",
    filtered: `${ports.length === 0 ? "" : allowAddresses(ports)}    goto refuse_address\n`,
  }[policy.mode];
  const chosenPorts = policy.mode === "open" ? "" : ` tcp dport { ${policy.ports.join(", ")} }`;
  const inspectorChain = `  chain from_inspector {
    meta nfproto ipv6 goto refuse
    ct direction reply accept
    oifname "lo" ip daddr ${gateway} udp dport 53 accept
    fib daddr type local goto refuse_host
    oifname "nbx*" goto refuse_machine
${
    chosen
      ? "    ip daddr @chosen4 tcp dport { 80, 443 } accept\n"
      : ""
  }    ip daddr @private4 goto refuse_private
${allowAddresses([80, 443])}    goto refuse_address
  }
`;
  return `  chain to_network {
    ether saddr != ${mac} counter drop
    meta nfproto ipv6 goto refuse_ipv6
    ip saddr != ${address} counter drop
    oifname "nbx*" goto refuse_machine
    ct state invalid goto refuse
    ${tooMany} goto refuse
${policy.mode === "off" || !chosen ? "" : `    ip daddr @chosen4${chosenPorts} accept\n`}${
    policy.mode === "off" ? "" : "    ip daddr @private4 goto refuse_private\n"
  }${verdict}  }
${needsInspector(policy) ? inspectorChain : ""}`;
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
