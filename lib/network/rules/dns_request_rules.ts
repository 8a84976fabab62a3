import { needsInspector, type NetworkPolicy } from "../policy/policy.ts";

/**
 * In mode `filtered`, DNS requests under an allowed name reach that name's servers, and can carry
 * something there. So much of it passes: docs/network.md gives the figures.
 */
const bounds = {
  /** Bytes of a datagram with its 8 of UDP: a name of some 150 bytes, less with what EDNS adds. */
  datagram: 176,
  /** Megabytes of packets with requests, in 24 hours from the first. */
  dayMegabytes: 16,
  /** Requests a second, after so many at once. */
  requests: { second: 30, burst: 500 },
  /** Connections a second that carry requests, after so many at once. */
  connections: { second: 20, burst: 200 },
  /** Kilobytes a second of those connections' packets, after so many at once. */
  stream: { second: 8, burst: 256 },
} as const;

/** What became of a request that was refused, in words. */
export const dnsRequestRefusals = {
  length: `a DNS request for a name that is too long (a datagram over ${bounds.datagram} bytes)`,
  quota: `DNS requests of more than ${bounds.dayMegabytes} MB in a day`,
  rate: `DNS requests faster than ${bounds.requests.second} a second`,
} as const;

/** A guest that asks on and on would keep dnsmasq busy for nothing. */
const openLimit = "limit rate over 1000/second burst 4000 packets";

/** The sets that the rules need, for the inside of a table. */
export function dnsRequestSets({ mode }: NetworkPolicy, memory: string): string {
  if (mode !== "filtered") return "";
  const refused = ["length", "quota", "rate"].map((kind) =>
    `  set refused_${kind} { type ipv4_addr . inet_proto . inet_service; ${memory} }\n`
  ).join("");
  return `${refused}  set asked_today { type ipv4_addr; size 8; timeout 24h; flags dynamic,timeout; }\n`;
}

/** The chain `asking`, which takes the guest's questions, and that which takes the inspector's. */
export function dnsRequestRules(policy: NetworkPolicy): string {
  const { mode } = policy;
  if (mode === "off") return "";
  if (mode === "open") return `  chain asking {\n    ${openLimit} counter drop\n    accept\n  }\n`;
  const { requests, connections, stream } = bounds;
  const perSecond = (limit: { readonly second: number; readonly burst: number }) =>
    `limit rate over ${limit.second}/second burst ${limit.burst} packets`;
  const quota = `add @asked_today { ip saddr quota over ${bounds.dayMegabytes} mbytes }`;
  const newConnection = "tcp flags & (syn | ack) == syn";
  return `  chain asking {
    udp length > ${bounds.datagram} goto refuse_length
    ${quota} goto refuse_quota
    meta l4proto udp ${perSecond(requests)} goto drop_rate
    ${newConnection} ${perSecond(connections)} goto drop_rate
    meta l4proto tcp limit rate over ${stream.second} kbytes/second burst ${stream.burst} kbytes goto drop_rate
    accept
  }
${needsInspector(policy) ? inspectorAsking(quota, newConnection, perSecond(requests)) : ""}${
    ["length", "quota"].map((kind) =>
      `  chain refuse_${kind} {\n    ${remember(kind)}\n    goto refuse\n  }\n`
    ).join("")
  }  chain drop_rate {
    ${remember("rate")}
    counter drop
  }
`;
}

/** A name in a connection is asked for, too, and can carry as much. */
function inspectorAsking(quota: string, newConnection: string, limit: string): string {
  return `  chain inspector_asking {
    ${quota} goto refuse_quota
    ${newConnection} ${limit} goto drop_rate
    accept
  }
`;
}

function remember(kind: string): string {
  return `update @refused_${kind} { ip daddr . meta l4proto . th dport counter }`;
}
