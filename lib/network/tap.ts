import type { SlotAddresses } from "./addresses.ts";

/**
 * Lines for `ip -batch -` that make a slot's tap. A guest with several vCPUs has as many queue
 * pairs, and a tap with more than one queue must be made so; with one it must not.
 */
export function createTapBatch(
  slot: SlotAddresses,
  options: {
    readonly uid: number;
    readonly cpus: number;
    readonly mac: string;
    /** Whether the host's kernel has IPv6, which is then kept off the tap. */
    readonly hostHasIpv6: boolean;
  },
): string {
  const queues = options.cpus > 1 ? " multi_queue" : "";
  return [
    `tuntap add dev ${slot.tap} mode tap user ${options.uid}${queues}`,
    ...(options.hostHasIpv6 ? [`link set dev ${slot.tap} addrgenmode none`] : []),
    `address add ${slot.gateway}/${slot.prefixLength} dev ${slot.tap}`,
    `link set dev ${slot.tap} up`,
    // Known in advance: no ARP that the guest could lie to, and no second's wait for its answer.
    `neighbor replace ${slot.address} lladdr ${options.mac} dev ${slot.tap} nud permanent`,
    "",
  ].join("\n");
}
