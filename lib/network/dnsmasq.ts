import type { SlotAddresses } from "./addresses.ts";

/** Where one slot's dnsmasq keeps its things: a directory that root owns. */
export interface DnsmasqPaths {
  /** Owned by root. */
  readonly directory: string;
  /** dnsmasq's config. */
  readonly config: string;
  /** Where dnsmasq writes its process id. */
  readonly pidFile: string;
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
    pidFile: `${directory}/dnsmasq.pid`,
    leases: `${directory}/leases`,
    log: `${directory}/dnsmasq.log`,
  };
}

/**
 * Arguments of install(1) for a slot's directory: root's, with the user's group handed down to the
 * files in it, since dnsmasq keeps its log from everybody but its owner and group.
 */
export function dnsmasqDirectoryArguments(paths: DnsmasqPaths, gid: number): readonly string[] {
  return ["-d", "-m", "2755", "-g", `${gid}`, paths.directory];
}

/** The config of a slot's dnsmasq in mode `open` (dnsmasq(8)): DHCP for one guest, and every name. */
export function openDnsmasqConfig(options: {
  readonly slot: SlotAddresses;
  readonly paths: DnsmasqPaths;
  readonly mac: string;
  readonly hostname: string;
  readonly resolvers: readonly string[];
}): string {
  const { slot, paths, mac, hostname, resolvers } = options;
  return [
    `pid-file=${paths.pidFile}`,
    `log-facility=${paths.log}`,
    // Only this tap: the loopback interface and other machines' taps have resolvers of their own.
    `interface=${slot.tap}`,
    "except-interface=lo",
    "bind-interfaces",
    `listen-address=${slot.gateway}`,
    "no-hosts",
    "no-resolv",
    ...resolvers.map((address) => `server=${address}`),
    `dhcp-range=${slot.address},${slot.address},${slot.netmask},1h`,
    `dhcp-host=${mac},${slot.address},${hostname}`,
    `dhcp-option=option:router,${slot.gateway}`,
    `dhcp-option=option:dns-server,${slot.gateway}`,
    `dhcp-leasefile=${paths.leases}`,
    "dhcp-authoritative",
    // The one address has one guest: asking first whether it is in use would cost three seconds.
    "no-ping",
    "",
  ].join("\n");
}
