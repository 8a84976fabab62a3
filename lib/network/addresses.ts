import { sha256 } from "../host/hash.ts";

/** Everything that is named by a slot. Addresses are a /30: the host's end and the guest's. */
export interface SlotAddresses {
  readonly slot: number;
  readonly tap: string;
  /** Name of the nftables table, family inet. */
  readonly table: string;
  readonly gateway: string;
  readonly address: string;
  readonly prefixLength: 30;
  readonly netmask: "255.255.255.252";
}

/** The addresses of a slot, 10.201.SLOT.0/30. */
export function slotAddresses(slot: number): SlotAddresses {
  if (!Number.isInteger(slot) || slot < 0 || slot > 63) {
    throw new RangeError(`no such network slot: ${slot}`);
  }
  return {
    slot,
    tap: `nbx${slot}`,
    table: `nixbox_s${slot}`,
    gateway: `10.201.${slot}.1`,
    address: `10.201.${slot}.2`,
    prefixLength: 30,
    netmask: "255.255.255.252",
  };
}

/**
 * A MAC address that stays the same for a project: locally administered, unicast (IEEE 802: bits 1
 * and 0 of the first octet).
 */
export async function macOf(projectId: string): Promise<string> {
  const digest = await sha256(`nixbox mac ${projectId}`);
  const octets = ["02", ...(digest.slice(0, 10).match(/../g) ?? [])];
  return octets.join(":");
}
