import type { Host } from "../../host/host.ts";
import { addressesOf } from "../../network/policy/addresses.ts";
import { dnsmasqPaths } from "../../network/dns/dnsmasq.ts";
import { faultTexts, type NetworkFault, networkFaults } from "../../network/kernel_state.ts";
import type { TapRecord } from "../../state/record.ts";
import type { SlotPlace } from "../../state/slots.ts";
import { forwardingMemory } from "../boot/teardown.ts";

/** What the kernel has of a running machine's network otherwise than it must be; root's to see. */
export async function faultsOf(
  host: Host,
  place: SlotPlace,
  { network }: TapRecord,
): Promise<readonly NetworkFault[]> {
  const slot = addressesOf(network);
  const { directory } = dnsmasqPaths(place.directory, slot.slot);
  const places = { directory, forwardingMemory: forwardingMemory(place) };
  return await networkFaults(host, slot, places, network.policy);
}

/** Whether what the guest may reach is not what the record says. */
export function isOfRules(fault: NetworkFault): boolean {
  return fault === "rules-inside" || fault === "no-namespace";
}

/** Whether only a new start of the machine helps. */
export function isLost(fault: NetworkFault): boolean {
  return fault === "no-namespace" || fault === "no-link";
}

/** A sentence for each, with what puts it right. */
export function faultsInWords(faults: readonly NetworkFault[]): readonly string[] {
  return faults.map((fault) =>
    `${faultTexts[fault]}: ${
      isLost(fault) ? "`nixbox down`, then `nixbox up`" : "`nixbox network refresh` puts it right"
    }`
  );
}
