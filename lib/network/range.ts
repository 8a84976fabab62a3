import { NixboxError } from "../base/error.ts";
import { readTextIfExists } from "../host/files/files.ts";
import { containsRange, parseIpv4Range, privateRanges } from "../base/ipv4.ts";
import { rangeLength, usualRange } from "./policy/addresses.ts";
import { type HostNetwork, overlaps } from "./host_network.ts";

/** Where an administrator says which range machines take on this host: ADDRESS/LENGTH, one line. */
export const rangeFile = "/etc/nixbox/range";

/** Tried in order where nothing is said. */
const candidates: readonly string[] = [
  usualRange,
  ...Array.from({ length: 54 }, (_, index) => `10.${202 + index}.0.0/${rangeLength}`),
  "172.31.64.0/18",
  "192.168.192.0/18",
];

/**
 * The range that a machine takes its addresses from: the administrator's, else the first that no
 * network of this host, and nothing that it has a route to, has a part of.
 *
 * @throws {NixboxError} if the administrator's is not such a range, or none is free.
 */
export async function chooseRange(
  { subnets, routes, addresses }: HostNetwork,
  readFile = readTextIfExists,
): Promise<string> {
  const chosen = (await readFile(rangeFile))?.trim();
  if (chosen !== undefined) return checkRange(chosen);
  const taken = [...subnets, ...routes, ...addresses.map((address) => `${address}/32`)];
  // A VPN's route to all of 10.0.0.0/8 is not a network that could not do without a part of it.
  const narrow = taken.filter((range) => Number(range.split("/")[1]) > 8);
  const freeOf = (others: readonly string[]) =>
    candidates.find((range) => !others.some((other) => overlaps(other, range)));
  const free = freeOf(taken) ?? freeOf(narrow);
  if (free !== undefined) return free;
  throw new NixboxError("this host's networks leave no range for machines", {
    where: rangeFile,
    hint: `write a private range there, of a /${rangeLength} or more, that the host can do without`,
  });
}

function checkRange(text: string): string {
  const range = parseIpv4Range(text);
  const isPrivate = range !== undefined && privateRanges.some((outer) => {
    const parsed = parseIpv4Range(outer);
    return parsed !== undefined && containsRange(parsed, range);
  });
  if (isPrivate && range.prefixLength <= rangeLength) return text;
  throw new NixboxError(`"${text}" is not a range for machines`, {
    where: rangeFile,
    hint: `a private one of a /${rangeLength} or more, such as ${usualRange}`,
  });
}
