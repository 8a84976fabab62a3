import {
  formatIpv4,
  isInRanges,
  nonPublicRanges,
  parseIpv4Range,
  privateRanges,
  startOf,
} from "../base/ipv4.ts";

/** Networks of public addresses may be opened from this prefix length on. */
const longestOfPublic = 24;

/** Why a text is not a range that `network.allowPrivate` may open; `undefined` where it is one. */
export function problemWithRange(text: string): string | undefined {
  const range = parseIpv4Range(text);
  if (range === undefined) return "must be an IPv4 range, such as 10.1.0.0/16 or 192.168.1.5/32";
  if (startOf(range) !== range.first) {
    const start = formatIpv4(startOf(range));
    return `has host bits: write ${start}/${range.prefixLength}, or the one address with /32`;
  }
  const isIn = (ranges: readonly string[]) => isInRanges(text, ranges);
  if (isIn(privateRanges)) return undefined;
  // A network of public addresses that this host is in counts as private, too.
  if (range.prefixLength >= longestOfPublic && !isIn(nonPublicRanges)) return undefined;
  return `must be a network that the host may be in: in a private range (${
    privateRanges.join(", ")
  }), or a public one of a /${longestOfPublic} or less; others are reached by their names, in ` +
    "network.domains";
}
