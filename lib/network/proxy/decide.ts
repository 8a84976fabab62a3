import { isInRanges, nonPublicRanges, parseIpv4 } from "../../base/ipv4.ts";
import { isInIpv6Range, isPublicIpv6, parseIpv6 } from "../../base/ipv6.ts";
import { hostName } from "../dns/dnsmasq.ts";
import { isNameAllowed, type NetworkPolicy } from "../policy/policy.ts";

/** Why a place must not be reached. */
export type PlaceProblem = "off" | "literal" | "host" | "name" | "port" | "tunnel";

/**
 * Whether the guest may ask for a place. In `open` all names pass.
 *
 * @param host In lower case, without a dot at its end.
 */
export function problemWithPlace(
  policy: NetworkPolicy,
  kind: "tunnel" | "plain",
  host: string,
  port: number,
): PlaceProblem | undefined {
  if (policy.mode === "off") return "off";
  if (isThisHost(host)) return policy.allowHost.includes(port) ? undefined : "host";
  if (!isHostName(host)) return "literal";
  if (policy.mode === "open") return undefined;
  if (!isNameAllowed(policy, host)) return "name";
  if (!policy.ports.includes(port)) return "port";
  // Plain HTTP says for whom it is in every request, which a tunnel would hide.
  return kind === "tunnel" && port === 80 && policy.inspect ? "tunnel" : undefined;
}

/** The name by which a guest knows the host that it runs on. */
export function isThisHost(host: string): boolean {
  return host === hostName;
}

/**
 * A DNS name and nothing that any program takes for an address: the last label of every spelling of
 * one is digits or begins with 0x (WHATWG, URL, "ends in a number").
 */
function isHostName(host: string): boolean {
  if (host.length > 253) return false;
  const labels = host.split(".");
  if (!labels.every((label) => /^[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?$/.test(label))) return false;
  return !/^(\d+|0x[0-9a-f]*)$/.test(labels.at(-1) ?? "");
}

/** One of this host's own addresses, and the network on whose link it is. */
export interface OwnAddress {
  readonly address: string;
  /** ADDRESS/LENGTH. */
  readonly cidr: string;
}

/**
 * Of the addresses that a name led to, those that may be dialled: public ones that are neither this
 * host's nor its neighbours' on a link, and private ones in a range that the policy opens.
 */
export function addressesToDial(
  policy: Pick<NetworkPolicy, "allowPrivate" | "allowHost">,
  addresses: readonly string[],
  own: readonly OwnAddress[],
  port: number,
): readonly string[] {
  return addresses.filter((address) => {
    const isOwn = own.some((one) => one.address === address);
    if (isOwn && !policy.allowHost.includes(port)) return false;
    if (isInRanges(address, policy.allowPrivate)) return true;
    return isPublic(address) && (isOwn || !own.some(({ cidr }) => isOnLink(address, cidr)));
  });
}

function isPublic(address: string): boolean {
  if (parseIpv4(address) !== undefined) return !isInRanges(address, nonPublicRanges);
  const six = parseIpv6(address);
  return six !== undefined && isPublicIpv6(six);
}

/** A link with everybody on it is a tunnel's, and says nothing of neighbours. */
function isOnLink(address: string, cidr: string): boolean {
  if (cidr.endsWith("/0")) return false;
  const six = parseIpv6(address);
  if (six === undefined) return isInRanges(address, [cidr]);
  return cidr.includes(":") && isInIpv6Range(six, cidr);
}
