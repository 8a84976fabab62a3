import type { SlotAddresses } from "../policy/addresses.ts";
import { removeTable } from "./host_rules.ts";

/**
 * The first rules that a guest's frames come to, as the tap gets them (nft(8), family netdev): before
 * the kernel's tables of neighbours and of connections, which a guest must not fill. Only its own MAC
 * and its own address pass, and a few requests of ARP and DHCP a second, the same in every mode.
 */
export function linkRules(
  { slot, mac }: { readonly slot: SlotAddresses; readonly mac: string },
): string {
  const { table, tap, address, gateway } = slot;
  // Answers, too: the entry of a neighbour is asked about again, whatever was known in advance (dnsmasq
  // replaces it with its lease). They can tell only what is known.
  const arp = `arp operation { request, reply } arp saddr ether ${mac} arp saddr ip ${address}`;
  return `${removeTable("netdev", table)}table netdev ${table} {
  chain frames {
    type filter hook ingress device "${tap}" priority -500; policy drop;
    ether saddr != ${mac} counter drop
    ether type arp ${arp} arp daddr ip ${gateway} limit rate 10/second burst 20 packets accept
    ether type ip6 limit rate 50/second burst 100 packets accept
    ether type != ip counter drop
    udp dport 67 goto asking_for_address
    ip saddr ${address} accept
    counter drop
  }
  chain asking_for_address {
    ip saddr { 0.0.0.0, ${address} } ip daddr { 255.255.255.255, ${gateway} } udp sport 68 limit rate 5/second burst 20 packets accept
    counter drop
  }
}
`;
}
