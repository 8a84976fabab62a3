import type { SlotAddresses } from "../policy/addresses.ts";
import { nameRules, type NetworkPolicy } from "../policy/policy.ts";

/** Where one slot's dnsmasq keeps its things: a directory that root owns. */
export interface DnsmasqPaths {
  /** Owned by root. */
  readonly directory: string;
  /** dnsmasq's config. */
  readonly config: string;
  /** Which names are asked of whom: read again on SIGHUP. */
  readonly servers: string;
  /** What addresses it gave. */
  readonly leases: string;
  /** What it was asked. */
  readonly log: string;
}

export function dnsmasqPaths(sharedDirectory: string, slot: number): DnsmasqPaths {
  const directory = `${sharedDirectory}/vm/${slot}`;
  return {
    directory,
    config: `${directory}/dnsmasq.conf`,
    servers: `${directory}/servers.conf`,
    leases: `${directory}/leases`,
    log: `${directory}/dnsmasq.log`,
  };
}

/**
 * It runs as a user that nobody is, by which the slot's rules know its packets. Beside the inspectors'
 * (lib/network/inspector.ts).
 */
export function resolverUid({ slot }: Pick<SlotAddresses, "slot">): number {
  return 1879048192 + 64 + slot;
}

/** By this name the guest finds the host, for ports that `network.allowHost` opens. */
export const hostName = "host.nixbox.internal";

/** What one slot's dnsmasq follows from. */
export interface DnsmasqInput {
  readonly slot: SlotAddresses;
  readonly paths: DnsmasqPaths;
  readonly mac: string;
  readonly hostname: string;
  readonly policy: NetworkPolicy;
  /** Whether this dnsmasq (2.90 and later) can leave kinds of records out of answers. */
  readonly canFilterRecords: boolean;
}

/** The config of a slot's dnsmasq (dnsmasq(8)): DHCP for one guest, and the names of its policy. */
export function dnsmasqConfig(input: DnsmasqInput): string {
  const { slot, paths, mac, hostname, policy } = input;
  return [
    // It is found by its user.
    "pid-file=",
    `log-facility=${paths.log}`,
    `interface=${slot.tap}`,
    "except-interface=lo",
    "bind-interfaces",
    `listen-address=${slot.gateway}`,
    "no-hosts",
    "no-resolv",
    ...(policy.mode === "off" ? ["port=0"] : nameLines(input)),
    `dhcp-range=${slot.address},${slot.address},${slot.netmask},1h`,
    `dhcp-host=${mac},${slot.address},${hostname}`,
    `dhcp-option=option:router${policy.mode === "off" ? "" : `,${slot.gateway}`}`,
    `dhcp-option=option:dns-server${policy.mode === "off" ? "" : `,${slot.gateway}`}`,
    `dhcp-leasefile=${paths.leases}`,
    "dhcp-authoritative",
    // The one address has one guest: asking first whether it is in use would cost three seconds.
    "no-ping",
    "",
  ].join("\n");
}

function nameLines({ slot, paths, policy, canFilterRecords }: DnsmasqInput): string[] {
  const always = [
    `servers-file=${paths.servers}`,
    `address=/${hostName}/${slot.gateway}`,
    // Nobody outside is asked who has a private address.
    "bogus-priv",
    // A name may lead into a private range only where the config allows that range.
    ...(policy.allowPrivate.length === 0 ? ["stop-dns-rebind"] : []),
  ];
  if (policy.mode !== "filtered") return always;
  return [
    ...always,
    "log-queries=extra",
    // An answer from a cache would not put its address into the set again.
    "cache-size=0",
    "max-ttl=300",
    "filter-AAAA",
    // HTTPS records carry addresses past the set, and keys for hiding the name of a connection.
    ...(canFilterRecords ? ["filter-rr=HTTPS,SVCB"] : []),
    // Of every answer: only names that have a server get one.
    `nftset=/#/4#inet#${slot.table}#allow4`,
  ];
}

/** Lines of dnsmasq's servers-file: which names are asked of the upstream resolvers. */
export function dnsmasqServers(policy: NetworkPolicy): string {
  if (policy.mode === "off") return "";
  if (policy.mode === "open") {
    return policy.resolvers.map((address) => `server=${address}\n`).join("");
  }
  return nameRules(policy).flatMap(({ name, isBelowOnly, verdict }) => {
    const pattern = `${isBelowOnly ? "*." : ""}${name}`;
    return verdict === "deny"
      ? [`server=/${pattern}/\n`]
      : policy.resolvers.map((address) => `server=/${pattern}/${address}\n`);
  }).join("");
}
