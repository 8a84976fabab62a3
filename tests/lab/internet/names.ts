/** Where the closed internet's name server is, and the gateway of the machine under test. */
export const resolverAddress = "80.0.2.1";

/** A resolver that knows all of these names, too, and is not the machine's. */
export const foreignResolver = "80.0.113.53";

interface Name {
  readonly name: string;
  readonly address: string;
}

/** Names of public places and where they lead; addresses that look public, as
 * dnsmasq counts those of documentation among the private ones. Packets to them stay in the lab. */
export const names: readonly Name[] = [
  { name: "allowed.test", address: "80.0.113.10" },
  { name: "www.allowed.test", address: "80.0.113.10" },
  { name: "evil.test", address: "80.0.113.11" },
  { name: "evilallowed.test", address: "80.0.113.11" },
  { name: "allowed.test.evil.test", address: "80.0.113.11" },
  // Two sites behind one address, as behind a CDN.
  { name: "site.test", address: "80.0.113.12" },
  { name: "neighbour.test", address: "80.0.113.12" },
  // Servers that ask for TLS' first message again: retry.ts, and OpenSSL's own.
  { name: "retry.test", address: "80.0.113.14" },
  { name: "retry-neighbour.test", address: "80.0.113.14" },
  { name: "p521.test", address: "80.0.113.15" },
  { name: "other.test", address: "80.0.113.20" },
  { name: "edge.foreign.test", address: "80.0.113.30" },
];

/** Names under an allowed one that lead to places which must stay out of reach. */
export const rebindingNames: readonly Name[] = [
  { name: "to-metadata.allowed.test", address: "169.254.169.254" },
  { name: "to-gateway.allowed.test", address: "10.201.0.1" },
  { name: "to-machine.allowed.test", address: "10.201.5.2" },
  { name: "to-private.allowed.test", address: "10.55.0.10" },
  { name: "to-lan.allowed.test", address: "192.168.77.10" },
  { name: "to-loopback.allowed.test", address: "127.0.0.1" },
  { name: "to-host.allowed.test", address: "80.0.2.2" },
];

/** Places with a server that no name of the first table leads to. */
const otherServers = [foreignResolver, "10.55.0.10", "169.254.169.254", "168.63.129.16"];

/** Where others than the web server answer on 443. */
export const retryAddress = "80.0.113.14";
export const opensslAddress = "80.0.113.15";

/** The server in the private network that the machine under test has an interface in. */
export const lanServer = "192.168.77.10";

/** An address where nothing listens: it answers with a reset. One that is nowhere answers nothing. */
const resettingAddress = "80.0.113.98";
const nowhere = "80.0.113.97";

/** Of so many addresses no answer of UDP has room. */
const crowdSize = 120;

/** Names with several addresses, of which some or all are dead; all under an allowed one. */
export const namesOfMany: Readonly<Record<string, readonly string[]>> = {
  "half.allowed.test": [resettingAddress, "80.0.113.10"],
  "half-last.allowed.test": ["80.0.113.10", resettingAddress],
  "mute.allowed.test": [nowhere, "80.0.113.10"],
  "mute-last.allowed.test": ["80.0.113.10", nowhere],
  "dead.allowed.test": [resettingAddress, nowhere],
  "crowd.allowed.test": Array.from({ length: crowdSize }, (_, index) => `80.0.120.${index + 1}`),
};

/** Every address behind the gateway. */
export function addresses(): string[] {
  return [...new Set([...names.map(({ address }) => address), ...otherServers, resettingAddress])];
}

export function serverAddresses(): string[] {
  return [
    ...addresses().filter((address) => address !== resettingAddress),
    lanServer,
    resolverAddress,
  ];
}

/** The name server's configuration: it knows the tables and asks nobody. Every TTL is 0. */
export function dnsmasqConfig(): string {
  return [
    ...["no-resolv", "no-hosts", "bind-interfaces"],
    ...[resolverAddress, foreignResolver].map((address) => `listen-address=${address}`),
    ...["log-queries", "log-facility=/lab/internet/dns.log", "pid-file=/run/internet-dnsmasq.pid"],
    // What tests change while the lab runs: read again on SIGHUP.
    "addn-hosts=/lab/internet/changing",
    // Names it does not know do not exist, rather than being refused.
    "local=/#/",
    ...[...names, ...rebindingNames].map(({ name, address }) => `host-record=${name},${address}`),
    "host-record=six.test,80.0.113.10,2001:db8:113::10",
    "cname=cname.allowed.test,edge.foreign.test",
    "address=/many.allowed.test/80.0.113.10",
    ...Object.entries(namesOfMany).flatMap(([name, many]) =>
      many.map((address) => `address=/${name}/${address}`)
    ),
    "txt-record=tunnel.evil.test,secret",
    "",
  ].join("\n");
}
