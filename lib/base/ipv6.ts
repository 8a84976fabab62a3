/** Eight groups of 16 bits. */
export type Ipv6 = readonly number[];

/** The address as eight numbers (RFC 4291, section 2.2), or `undefined` if the text is not one. */
export function parseIpv6(text: string): Ipv6 | undefined {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted !== null) {
    const octets = dotted.slice(2).map(Number);
    if (octets.some((octet) => octet > 255)) return undefined;
    const [a = 0, b = 0, c = 0, d = 0] = octets;
    const last = `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
    return parseIpv6(`${dotted[1]}${last}`);
  }
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const [front = [], back = []] = halves.map((half) => half === "" ? [] : half.split(":"));
  const groups = [...front, ...back];
  if (groups.some((group) => !/^[0-9a-f]{1,4}$/i.test(group))) return undefined;
  const missing = 8 - groups.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return undefined;
  return [...front, ...Array<string>(missing).fill("0"), ...back].map((group) =>
    Number.parseInt(group, 16)
  );
}

/** Whether an address lies in a range, `ADDRESS/LENGTH`. */
export function isInIpv6Range(address: Ipv6, range: string): boolean {
  const [text = "", length = ""] = range.split("/");
  const first = parseIpv6(text);
  if (first === undefined) throw new TypeError(`no IPv6 range: ${range}`);
  return first.every((group, index) => {
    const bits = Math.min(16, Math.max(0, Number(length) - index * 16));
    const shift = 16 - bits;
    return (group >> shift) === ((address[index] ?? 0) >> shift);
  });
}

/** What is allocated for public use (IANA, IPv6 global unicast). */
const publicRange = "2000::/3";

/** Ranges within it that lead elsewhere, or nowhere: with an IPv4 address inside, or for examples. */
const notPublic: readonly string[] = [
  // Teredo, ORCHID, benchmarks and the like (RFC 2928).
  "2001::/23",
  "2001:db8::/32",
  // 6to4.
  "2002::/16",
  "3fff::/20",
];

/** Whether an address is one of the public Internet's. NAT64 and mapped addresses are outside of it. */
export function isPublicIpv6(address: Ipv6): boolean {
  return isInIpv6Range(address, publicRange) &&
    !notPublic.some((range) => isInIpv6Range(address, range));
}
