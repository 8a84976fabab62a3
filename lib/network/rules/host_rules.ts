import { rulesOfSlot, type SlotAddresses } from "../policy/addresses.ts";

/**
 * The mark of packets that the host's rules of a slot have seen. Where those rules are gone, nothing
 * is marked, and what is not marked has no route. Its bits are apart from those that others use
 * (Tailscale's 0xff0000, Kubernetes' 0xc000); it is taken off before a packet leaves.
 */
export const mark = "0x6e000000";

/**
 * The host's nftables rules of one slot: what comes from its namespace goes to other networks under
 * the host's address. What the guest may reach is decided before, in the namespace; should these
 * rules go, nothing gets out ({@linkcode routingBatch} says why). No chain has a drop policy: they
 * accept what is not of this slot.
 */
export function hostRules(slot: SlotAddresses): string {
  const { table, link, wayOut, wayToHost, address } = slot;
  return `${removeTable("inet", table)}table inet ${table} {
  chain marking {
    type filter hook prerouting priority raw; policy accept;
    iifname "${link}" ip saddr ${wayOut} meta mark set ${mark}
  }
  chain input {
    type filter hook input priority filter - 5; policy accept;
    iifname != "${link}" accept
    ip saddr ${wayToHost} accept
    ip saddr ${address} ct direction reply ct state established,related accept
    counter drop
  }
  chain forward {
    type filter hook forward priority filter - 5; policy accept;
    iifname "${link}" goto leaving
    oifname "${link}" ct direction reply ct state established,related accept
    oifname "${link}" counter drop
  }
  chain leaving {
    ip saddr != ${wayOut} counter drop
    oifname "nbx*" counter drop
    meta mark set 0
  }
  chain masking {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${wayOut} oifname != "${link}" masquerade
  }
}
`;
}

/** Lines that remove a table; they do nothing if there is none. */
export function removeTable(family: "inet" | "netdev", table: string): string {
  return `add table ${family} ${table}\ndelete table ${family} ${table}\n`;
}

/** MAC addresses of the two ends of the veth pair: nobody has to ask for them. */
function endsOf({ slot }: SlotAddresses): { readonly host: string; readonly namespace: string } {
  const number = slot.toString(16).padStart(2, "0");
  return { host: `02:6e:62:78:${number}:01`, namespace: `02:6e:62:78:${number}:02` };
}

/** Lines for `ip -batch -` on the host that make the veth pair, its end here still down. */
export function linkBatch(slot: SlotAddresses, hostHasIpv6: boolean): string {
  const { link, uplink, namespace, hostAddress } = slot;
  const ends = endsOf(slot);
  return [
    `link add ${link} address ${ends.host} type veth peer name ${uplink} ` +
    `address ${ends.namespace} netns ${namespace}`,
    ...(hostHasIpv6 ? [`link set dev ${link} addrgenmode none`] : []),
    `address add ${hostAddress}/32 dev ${link}`,
    "",
  ].join("\n");
}

/**
 * Lines for `ip -batch -` on the host: the routes to a slot, and who may use them. No flush of
 * nftables or iptables touches routing:
 *
 * - of this host's users only `uid` (and root) reach the guest, and nobody the resolver or inspector;
 * - this host's services have no route for an answer to the namespace, and with the reverse path
 *   checked (rp_filter) take no packet from it, whatever addresses the host has or gets; only what
 *   comes by `wayToHost` is answered;
 * - what the host's rules have not marked has no way further.
 */
export function routingBatch(slot: SlotAddresses, uid: number): string {
  const { link, hostAddress, wayOut, wayToHost, address, routes, firstRule } = slot;
  const route = (to: string, via = "") =>
    `route replace ${to}/32${via} dev ${link} src ${hostAddress} table ${routes}`;
  const via = ` via ${wayOut} onlink`;
  const rules = routingRules(slot, uid);
  return [
    // The last first, which another one leads to.
    ...[...rules.entries()].toReversed().map(([index, rule]) =>
      `rule add pref ${firstRule + index} ${rule}`
    ),
    `link set dev ${link} up`,
    route(wayOut),
    route(wayToHost, via),
    route(address, via),
    `neighbor replace ${wayOut} lladdr ${endsOf(slot).namespace} dev ${link} nud permanent`,
    "",
  ].join("\n");
}

/** The rules of routing (ip-rule(8)) of a slot, by their order. */
function routingRules(slot: SlotAddresses, uid: number): readonly string[] {
  const { link, network, range, routes, firstRule, wayToHost, address } = slot;
  const users = uid === 0 ? [0, 0] : [uid, 0];
  const rules = [
    ...users.map((user) => `iif lo uidrange ${user}-${user} to ${address} lookup ${routes}`),
    `iif lo to ${wayToHost} lookup ${routes}`,
    `iif lo to ${network} prohibit`,
    `iif ${link} to ${range} prohibit`,
  ];
  const last = firstRule + rules.length + 2;
  return [
    ...rules,
    `iif ${link} fwmark ${mark} goto ${last}`,
    `iif ${link} prohibit`,
    `to ${network} lookup ${routes}`,
  ];
}

/** How many rules of routing a slot has when all are there. */
export function routingRuleCount(slot: SlotAddresses): number {
  return routingRules(slot, 0).length;
}

/** Lines for `ip -netns NAMESPACE -batch -`: the namespace's end of the pair, and the way out. */
export function uplinkBatch(slot: SlotAddresses, hostHasIpv6: boolean): string {
  const { uplink, hostAddress, wayOut, wayToHost, tap } = slot;
  return [
    "link set dev lo up",
    ...(hostHasIpv6 ? [`link set dev ${uplink} addrgenmode none`] : []),
    `address add ${wayOut}/32 dev ${uplink}`,
    `address add ${wayToHost}/32 dev ${uplink}`,
    // The same as on the host: without rules that mark it, nothing of the guest's has a way.
    "rule add pref 102 lookup main",
    `rule add pref 101 iif ${tap} prohibit`,
    `rule add pref 100 iif ${tap} fwmark ${mark} goto 102`,
    `link set dev ${uplink} up`,
    `route add ${hostAddress}/32 dev ${uplink} src ${wayOut}`,
    `route add default via ${hostAddress} dev ${uplink} src ${wayOut}`,
    `neighbor replace ${hostAddress} lladdr ${endsOf(slot).host} dev ${uplink} nud permanent`,
    "",
  ].join("\n");
}

/** Lines for `ip -force -batch -` that take the routing rules of a slot away, as many as there are. */
export function removeRulesBatch({ firstRule }: Pick<SlotAddresses, "firstRule">): string {
  return Array.from(
    { length: rulesOfSlot },
    (_, index) => `rule delete pref ${firstRule + index}\n`,
  ).join("");
}
