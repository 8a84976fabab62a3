/** Where the closed internet's name server is, and the gateway of the machine under test. */
export const resolverAddress = "10.99.0.1";

/** Its names and where they lead: the one table, which grows with the tests. */
export const names: readonly { readonly name: string; readonly address: string }[] = [
  { name: "allowed.test", address: "10.99.0.10" },
  { name: "www.allowed.test", address: "10.99.0.10" },
  { name: "evil.test", address: "10.99.0.11" },
  { name: "evilallowed.test", address: "10.99.0.11" },
  { name: "allowed.test.evil.test", address: "10.99.0.11" },
];

/** Every address of the closed internet; each but the resolver's has a web server. */
export function addresses(): string[] {
  return [...new Set([resolverAddress, ...serverAddresses()])];
}

export function serverAddresses(): string[] {
  return [...new Set(names.map(({ address }) => address))];
}

/** The name server's configuration: it knows the table and asks nobody. */
export function dnsmasqConfig(): string {
  return [
    ...["no-resolv", "no-hosts", "bind-interfaces", `listen-address=${resolverAddress}`],
    ...["log-queries", "log-facility=/lab/internet/dns.log", "pid-file=/run/internet-dnsmasq.pid"],
    // Names it does not know do not exist, rather than being refused.
    "local=/#/",
    ...names.map(({ name, address }) => `host-record=${name},${address}`),
    "",
  ].join("\n");
}
