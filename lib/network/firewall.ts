import type { SlotAddresses } from "./addresses.ts";

/**
 * The nftables rules of one slot in mode `open`: the guest reaches everything but the host's own
 * services and other guests. Loaded in one transaction; the table of an earlier life is replaced.
 *
 * The chains accept what is not this guest's: a drop policy on a shared hook would cut the traffic
 * of other software. They stand five before the usual filter priority, since a later chain can
 * still refuse what an earlier one accepted, but not the other way round.
 */
export function openFirewall(slot: SlotAddresses): string {
  const { table, tap, gateway, address } = slot;
  return `add table inet ${table}
delete table inet ${table}
table inet ${table} {
  chain input {
    type filter hook input priority filter - 5; policy accept;
    iifname != "${tap}" accept
    meta nfproto ipv6 drop
    ct state established,related accept
    udp sport 68 udp dport 67 accept
    ip saddr ${address} ip daddr ${gateway} meta l4proto { tcp, udp } th dport 53 accept
    counter reject with icmpx type admin-prohibited
  }
  chain forward {
    type filter hook forward priority filter - 5; policy accept;
    iifname "${tap}" jump from_guest
    oifname "${tap}" jump to_guest
  }
  chain from_guest {
    meta nfproto ipv6 drop
    ip saddr != ${address} drop
    oifname "nbx*" counter reject with icmpx type admin-prohibited
    ct state invalid drop
    accept
  }
  chain to_guest {
    ct direction reply ct state established,related accept
    counter drop
  }
  chain leaving {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr ${address} oifname != "${tap}" masquerade
  }
}
`;
}

/** Removes a slot's table; does nothing if there is none. */
export function removeFirewall(table: string): string {
  return `add table inet ${table}\ndelete table inet ${table}\n`;
}
