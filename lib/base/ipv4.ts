/** A range of IPv4 addresses (RFC 4632): the first address as a number, and the prefix length. */
export interface Ipv4Range {
  readonly first: number;
  readonly prefixLength: number;
}

/** The address as a number, or `undefined` if the text is not a dotted quad. */
export function parseIpv4(text: string): number | undefined {
  const octets = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (octets === undefined || octets.some((octet) => octet > 255)) return undefined;
  // A leading zero is octal to some programs and decimal to others.
  if (/(^|\.)0\d/.test(text)) return undefined;
  return octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

/** `ADDRESS/LENGTH`, or an address alone; `undefined` if it is not one. Host bits are left in. */
export function parseIpv4Range(text: string): Ipv4Range | undefined {
  const [address = "", length = "32", ...more] = text.split("/");
  const first = parseIpv4(address);
  if (first === undefined || more.length > 0 || !/^(\d|[12]\d|3[0-2])$/.test(length)) {
    return undefined;
  }
  return { first, prefixLength: Number(length) };
}

/** How many addresses a range holds. */
function sizeOf(range: Ipv4Range): number {
  return 2 ** (32 - range.prefixLength);
}

/** The range's first address, without host bits. */
export function startOf(range: Ipv4Range): number {
  return range.first - range.first % sizeOf(range);
}

/** Whether all of `inner` lies in `outer`. */
export function containsRange(outer: Ipv4Range, inner: Ipv4Range): boolean {
  return inner.prefixLength >= outer.prefixLength &&
    startOf({ first: inner.first, prefixLength: outer.prefixLength }) === startOf(outer);
}

/** Whether an address lies in one of the ranges; both as text. */
export function isInRanges(address: string, ranges: readonly string[]): boolean {
  const inner = parseIpv4Range(address);
  if (inner === undefined) return false;
  return ranges.some((text) => {
    const outer = parseIpv4Range(text);
    return outer !== undefined && containsRange(outer, inner);
  });
}

/** A dotted quad. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
}

/**
 * Ranges that are not public addresses (RFC 6890 and the registries it names): of this host, of
 * networks behind it, of the link, of nobody, and groups of receivers.
 */
export const nonPublicRanges: readonly string[] = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  // Azure's WireServer: a cloud's own service at an address that looks public (Microsoft's "What is
  // IP address 168.63.129.16?").
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/3",
];

/** Those of them in which somebody's machines can be, so that a config may open them. */
export const privateRanges: readonly string[] = [
  "10.0.0.0/8",
  "100.64.0.0/10",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "198.18.0.0/15",
];
