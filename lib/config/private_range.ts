import { containsRange, formatIpv4, parseIpv4Range, privateRanges, startOf } from "../host/ipv4.ts";

/** Why a text is no range that `network.allowPrivate` may open; `undefined` where it is one. */
export function problemWithRange(text: string): string | undefined {
  const range = parseIpv4Range(text);
  if (range === undefined) return "must be an IPv4 range, such as 10.1.0.0/16 or 192.168.1.5/32";
  if (startOf(range) !== range.first) {
    const start = formatIpv4(startOf(range));
    return `has host bits: write ${start}/${range.prefixLength}, or the one address with /32`;
  }
  const outer = privateRanges.map((candidate) => parseIpv4Range(candidate));
  const isPrivate = outer.some((candidate) =>
    candidate !== undefined && containsRange(candidate, range)
  );
  if (isPrivate) return undefined;
  return `must lie in a private range (${
    privateRanges.join(", ")
  }); public addresses are reached ` +
    "by their names, in network.domains";
}
