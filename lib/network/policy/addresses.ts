import { sha256 } from "../../base/hash.ts";
import { formatIpv4, parseIpv4, parseIpv4Range, startOf } from "../../base/ipv4.ts";

/** Everything that is named by a slot: its names, and its /24 of the range. */
export interface SlotAddresses {
  /** Its number, from 0. */
  readonly slot: number;
  /** The network namespace (ip-netns(8)) that holds all but `link`. */
  readonly namespace: string;
  /** The host's end of the veth pair that joins the namespace to it. */
  readonly link: string;
  /** The namespace's end of the pair. */
  readonly uplink: string;
  /** The hypervisor's tap, in the namespace. */
  readonly tap: string;
  /** Name of the nftables tables: of the rules in the namespace, and of those on the host. */
  readonly table: string;
  /** The host's table of routes to this slot. */
  readonly routes: number;
  /** Priority of the first of the host's rules of routing for this slot (ip-rule(8)). */
  readonly firstRule: number;
  /** The slot's own network: ADDRESS/24. */
  readonly network: string;
  /** The range of all slots. */
  readonly range: string;
  /** The namespace's address on the tap: the guest's gateway and resolver. */
  readonly gateway: string;
  /** The guest's address. */
  readonly address: string;
  /** Of the tap's network. */
  readonly prefixLength: 30;
  /** The same as an address. */
  readonly netmask: "255.255.255.252";
  /** The host's address on `link`, from which its user reaches the guest. */
  readonly hostAddress: string;
  /** What leaves the namespace for other networks comes from here. */
  readonly wayOut: string;
  /** What may reach the host's own services comes from here. */
  readonly wayToHost: string;
}

/** Where machines are unless that is taken: see lib/network/range.ts. */
export const usualRange = "10.201.0.0/18";

const slots = 64;

/** Prefix length of what so many slots take, a /24 each. */
export const rangeLength = 18;

/** How many rules of routing a slot has room for. */
export const rulesOfSlot = 10;

/** The names and addresses of a slot: of a range's first /18, the /24 with its number. */
export function slotAddresses(slot: number, range: string = usualRange): SlotAddresses {
  if (!Number.isInteger(slot) || slot < 0 || slot >= slots) {
    throw new RangeError(`there is no network slot ${slot}`);
  }
  const parsed = parseIpv4Range(range);
  if (parsed === undefined) throw new RangeError(`${range} is not a range of addresses`);
  const start = startOf(parsed);
  const first = start + slot * 256;
  return {
    slot,
    ...slotNames(slot),
    network: `${formatIpv4(first)}/24`,
    range: `${formatIpv4(start)}/${rangeLength}`,
    gateway: formatIpv4(first + 1),
    address: formatIpv4(first + 2),
    prefixLength: 30,
    netmask: "255.255.255.252",
    hostAddress: formatIpv4(first + 5),
    wayOut: formatIpv4(first + 6),
    wayToHost: formatIpv4(first + 10),
  };
}

function slotNames(slot: number) {
  return {
    namespace: `nbx${slot}`,
    link: `nbx${slot}`,
    uplink: "uplink",
    tap: "guest",
    table: `nixbox_s${slot}`,
    routes: 20_100 + slot,
    // Before those that a VPN adds (32,765 and less), so that none of them sees these packets first.
    firstRule: 9000 + slot * rulesOfSlot,
  } as const;
}

/** The addresses of a machine that has them already. */
export function addressesOf(
  network: { readonly slot: number; readonly gateway: string },
): SlotAddresses {
  const gateway = parseIpv4(network.gateway);
  if (gateway === undefined) throw new RangeError(`${network.gateway} is not an address`);
  return slotAddresses(
    network.slot,
    `${formatIpv4(gateway - 1 - network.slot * 256)}/${rangeLength}`,
  );
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
