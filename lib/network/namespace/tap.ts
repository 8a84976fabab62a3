import type { SlotAddresses } from "../policy/addresses.ts";

/**
 * Lines for `ip -netns NAMESPACE -batch -` that make a slot's tap, which stays down: the rules of
 * what arrives by it need it to be there, and come next. A guest with several vCPUs has as many queue
 * pairs, and a tap with more than one queue must be made so; with one it must not.
 */
export function createTapBatch(
  slot: SlotAddresses,
  options: {
    readonly uid: number;
    readonly cpus: number;
    /** Whether the host's kernel has IPv6, which is then kept off the tap. */
    readonly hostHasIpv6: boolean;
  },
): string {
  const queues = options.cpus > 1 ? " multi_queue" : "";
  return [
    `tuntap add dev ${slot.tap} mode tap user ${options.uid}${queues}`,
    ...(options.hostHasIpv6 ? [`link set dev ${slot.tap} addrgenmode none`] : []),
    "",
  ].join("\n");
}

/** Lines for `ip -netns NAMESPACE -batch -` that put a tap with its rules into use. */
export function openTapBatch(slot: SlotAddresses, mac: string): string {
  return [
    `address add ${slot.gateway}/${slot.prefixLength} dev ${slot.tap}`,
    `link set dev ${slot.tap} up`,
    // Known in advance: no ARP that the guest could lie to, and no second's wait for its answer.
    `neighbor replace ${slot.address} lladdr ${mac} dev ${slot.tap} nud permanent`,
    "",
  ].join("\n");
}
