import { isInRanges, nonPublicRanges, parseIpv4 } from "../../host/ipv4.ts";
import { isPublicIpv6, parseIpv6 } from "../../host/ipv6.ts";
import { hostName } from "../dnsmasq.ts";
import { isNameAllowed, type NetworkPolicy } from "../policy.ts";

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

/**
 * Of the addresses that a name led to, those that may be dialled: public ones that are not this
 * host's, and private ones in a range that the policy opens.
 *
 * @param own This host's addresses.
 */
export function addressesToDial(
  policy: Pick<NetworkPolicy, "allowPrivate" | "allowHost">,
  addresses: readonly string[],
  own: readonly string[],
  port: number,
): readonly string[] {
  return addresses.filter((address) => {
    if (own.includes(address) && !policy.allowHost.includes(port)) return false;
    if (parseIpv4(address) !== undefined) {
      return !isInRanges(address, nonPublicRanges) || isInRanges(address, policy.allowPrivate);
    }
    const six = parseIpv6(address);
    return six !== undefined && isPublicIpv6(six);
  });
}
