import { parseIpv4 } from "../base/ipv4.ts";

/** Records of /var/db/dhcpd_leases, as macOS' bootpd writes them; illustrated in minikube and tart. */
interface Lease {
  readonly address: string;
  /** The bytes of hw_address without the type before the comma. */
  readonly hardware: string;
  /** Seconds since 1970 when it ends. */
  readonly ends: number;
}

/**
 * The address that bootpd gave to a MAC: of the newest lease that has not ended, since stale records
 * stay. From macOS 15 on, hw_address may hold the client's id in the place of the MAC: as nixbox'
 * guests make it, the MAC again (`ClientIdentifier=mac`); in a guest with other modules, a DUID.
 *
 * @param text What the file holds. Lines and keys that are not known are passed over.
 * @param mac Six octets in hexadecimal, with colons.
 * @param now Seconds since 1970.
 */
export function addressInLeases(text: string, mac: string, now: number): string | undefined {
  const wanted = octets(mac);
  if (wanted === undefined) return undefined;
  return readLeases(text)
    .filter(({ hardware, ends }) => hardware === wanted && ends > now)
    .toSorted((a, b) => b.ends - a.ends)[0]?.address;
}

function readLeases(text: string): Lease[] {
  return text.split("}").flatMap((record): Lease[] => {
    const value = (key: string) =>
      new RegExp(`^\\s*${key}=(.*?)\\s*$`, "m").exec(record)?.[1] ?? "";
    const address = value("ip_address");
    const ends = /^0x[0-9a-f]+$/i.test(value("lease")) ? Number(value("lease")) : 0;
    const hardware = [value("hw_address"), value("identifier")].map(hardwareOf)
      .find((found) => found !== undefined);
    if (hardware === undefined || parseIpv4(address) === undefined) return [];
    return [{ address, hardware, ends }];
  });
}

/**
 * The MAC in a client's id: of type 1 (Ethernet), that itself; of type ff (RFC 4361), four octets of
 * the interface's number and a DUID, which of types 1 and 3 ends with the MAC (RFC 8415, section 11).
 */
function hardwareOf(text: string): string | undefined {
  const [, type, rest = ""] = /^(1|ff),(.*)$/i.exec(text) ?? [];
  const parts = rest.split(":");
  if (type === "1" || parts.length === 6) return octets(rest);
  const duid = parts.slice(4);
  const [kind, hardwareType] = [duid.slice(0, 2), duid.slice(2, 4)]
    .map((pair) => pair.reduce((sum, part) => sum * 256 + Number.parseInt(part, 16), 0));
  const isWithTime = kind === 1 && duid.length === 14;
  const isPlain = kind === 3 && duid.length === 10;
  return hardwareType === 1 && (isWithTime || isPlain)
    ? octets(duid.slice(-6).join(":"))
    : undefined;
}

/**
 * The address of a MAC among the neighbours, as `arp -an` lists them:
 * `? (192.168.64.3) at 2:0:0:0:0:1 on bridge100 ifscope [bridge]`, or `at (incomplete)`.
 */
export function addressInNeighbours(text: string, mac: string): string | undefined {
  const wanted = octets(mac);
  if (wanted === undefined) return undefined;
  for (const line of text.split("\n")) {
    const [, address, hardware] = /\(([\d.]+)\) at ([0-9a-f:]+) /i.exec(line) ?? [];
    if (address === undefined || parseIpv4(address) === undefined) continue;
    if (octets(hardware ?? "") === wanted) return address;
  }
  return undefined;
}

/** Six octets in one spelling: macOS leaves out leading zeros. `undefined` for anything else. */
function octets(text: string): string | undefined {
  const parts = text.split(":");
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-f]{1,2}$/i.test(part))) return undefined;
  return parts.map((part) => Number.parseInt(part, 16)).join(":");
}
