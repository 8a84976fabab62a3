/** One try to get out of the machine. */
export interface Attack {
  readonly name: string;
  /** What tests/lab/guest/attack.py is told. */
  readonly does: Readonly<Record<string, string | number | readonly string[]>>;
  /**
   * `refused` before a time-out; `unanswered` where the protocol knows no refusal: nothing may come
   * back, and nothing arrive; `allowed` for what must work.
   */
  readonly expected: "refused" | "unanswered" | "allowed";
  /** Whether it must get through in an open network: shows that the attack is one. */
  readonly isReachedInOpen?: boolean;
}

const evil = "80.0.113.11";
const allowed = "80.0.113.10";
const shared = "80.0.113.12";
const resolver = "80.0.113.53";
const gateway = "10.201.0.1";

function refused(name: string, does: Attack["does"], isReachedInOpen = false): Attack {
  return { name, does, expected: "refused", isReachedInOpen };
}

const tcp = (address: string, port: number) => ({ kind: "tcp", address, port });
const udp = (address: string, port: number) => ({ kind: "udp", address, port });
const dns = (name: string, more: Attack["does"] = {}) => ({
  kind: "dns",
  name,
  server: gateway,
  ...more,
});

/** By address, past every name. */
export const byAddress: readonly Attack[] = [
  refused("hard-coded address, 443", tcp(evil, 443), true),
  refused("hard-coded address, 80", tcp(evil, 80), true),
  refused("hard-coded address, 22", tcp(evil, 22)),
  refused("hard-coded address, 8080", tcp(evil, 8080), true),
  refused("allowed address, a port outside of network.ports", tcp(allowed, 8080), true),
  refused("DNS over TLS to a foreign resolver", tcp(resolver, 853), true),
  refused("DNS over HTTPS by address", {
    kind: "tls",
    address: resolver,
    sni: "dns.allowed.test",
  }, true),
  refused("DNS over UDP to a foreign resolver", dns("evil.test", { server: resolver }), true),
  refused(
    "DNS over TCP to a foreign resolver",
    dns("evil.test", { server: resolver, over: "tcp" }),
    true,
  ),
  refused(
    "an allowed name asked of a foreign resolver",
    dns("allowed.test", { server: resolver }),
    true,
  ),
  refused("QUIC to a foreign address", udp(evil, 443), true),
  refused("QUIC to an allowed address", udp(allowed, 443), true),
  refused("NTP", udp(evil, 123), true),
  refused("UDP to any port", udp(evil, 9999), true),
  refused("ICMP echo to a foreign address", { kind: "ping", address: evil }, true),
  refused("ICMP echo to an allowed address", { kind: "ping", address: allowed }, true),
  refused("SCTP", { kind: "protocol", address: evil, number: 132 }),
  refused("GRE", { kind: "protocol", address: evil, number: 47 }),
];

/** The host itself, what is around it, and other machines. */
export const nearby: readonly Attack[] = [
  ...[22, 2375, 5432, 8080].map((port) =>
    refused(`the gateway's port ${port}`, tcp(gateway, port), port !== 22)
  ),
  refused("the inspector's port for TLS, directly", tcp(gateway, 27443)),
  refused("the inspector's port for HTTP, directly", tcp(gateway, 27080)),
  refused("ICMP echo to the gateway", { kind: "ping", address: gateway }),
  refused("UDP to the gateway", udp(gateway, 9999)),
  refused("the host by its public address", tcp("80.0.2.2", 2375), true),
  refused("the host by its address in the LAN", tcp("192.168.77.2", 2375), true),
  refused("a server in the host's LAN", tcp("192.168.77.10", 80), true),
  refused("a private network behind the gateway", tcp("10.55.0.10", 80), true),
  refused("the cloud's metadata", tcp("169.254.169.254", 80), true),
  refused("Azure's WireServer, at a public address", tcp("168.63.129.16", 80), true),
  refused("a neighbour in the host's own public network", tcp("80.0.2.1", 80), true),
  refused("another machine's gateway", tcp("10.201.5.1", 53)),
  refused("another machine", tcp("10.201.5.2", 22)),
  refused("this network's loopback by another address", tcp("127.0.0.2", 9)),
];

/** Names: other ones, look-alikes, and allowed ones that lead astray. */
export const byName: readonly Attack[] = [
  refused("a name that is not allowed", dns("evil.test"), true),
  refused("the same over TCP", dns("evil.test", { over: "tcp" }), true),
  refused("a look-alike: evilallowed.test", dns("evilallowed.test"), true),
  refused("a look-alike: allowed.test.evil.test", dns("allowed.test.evil.test"), true),
  refused("a TXT record of a foreign zone", dns("tunnel.evil.test", { type: 16 }), true),
  refused("labels of 63 bytes", dns(`${`${"x".repeat(63)}.`.repeat(3)}evil.test`)),
  refused("an IPv6 address of an allowed name", dns("allowed.test", { type: 28 })),
  refused("an HTTPS record of an allowed name", dns("allowed.test", { type: 65 })),
  ...["metadata", "gateway", "machine", "private", "lan", "loopback"].map((place) =>
    refused(`an allowed name that leads to: ${place}`, dns(`to-${place}.allowed.test`), true)
  ),
  {
    name: "an allowed name that leads to the host: it answers",
    does: dns("to-host.allowed.test"),
    expected: "allowed",
  },
  refused("and is not connected", {
    kind: "http",
    address: "80.0.2.2",
    texts: ["GET / HTTP/1.1\r\nHost: to-host.allowed.test\r\n\r\n"],
  }),
  { name: "upper case", does: dns("AlLoWeD.TeSt"), expected: "allowed" },
  { name: "a name below an allowed one", does: dns("www.allowed.test"), expected: "allowed" },
  {
    name: "an alias in an allowed zone, of another zone's host",
    does: dns("cname.allowed.test"),
    expected: "allowed",
  },
  {
    name: "1,000 names in a burst, then an allowed one",
    does: { kind: "burst", server: gateway, count: 1000 },
    expected: "allowed",
  },
];

const tls = (sni: string, more: Attack["does"] = {}) => ({
  kind: "tls",
  address: allowed,
  ...(sni === "" ? {} : { sni }),
  ...more,
});

/** Allowed addresses, under another name. Needs the names of `byName` resolved before. */
export const inTls: readonly Attack[] = [
  { name: "resolve the allowed names", does: dns("allowed.test"), expected: "allowed" },
  { name: "and the one behind a shared address", does: dns("site.test"), expected: "allowed" },
  { name: "TLS with an allowed name", does: tls("allowed.test"), expected: "allowed" },
  {
    name: "TLS whose first message comes in pieces",
    does: tls("allowed.test", { form: "segments" }),
    expected: "allowed",
  },
  refused("TLS to an allowed address with another name", tls("evil.test"), true),
  refused("TLS to an allowed address without a name", tls(""), true),
  refused(
    "the neighbour behind a shared address",
    tls("neighbour.test", { address: shared }),
    true,
  ),
  refused("an allowed name to another address", tls("allowed.test", { address: evil }), true),
  refused("a look-alike in TLS", tls("evilallowed.test"), true),
  refused("the name hidden by several records", tls("allowed.test", { form: "records" }), true),
  refused("an encrypted second name (ECH)", tls("allowed.test", { form: "encrypted" }), true),
  refused("two names in one message", tls("allowed.test", { form: "two", second: "evil.test" })),
  refused("no TLS on 443", {
    kind: "http",
    address: allowed,
    port: 443,
    texts: ["GET / HTTP/1.1\r\nHost: allowed.test\r\n\r\n"],
  }),
];

const again = (second: string, form = "plain") => ({
  kind: "retry",
  address: "80.0.113.14",
  first: "retry.test",
  second,
  form,
});

/** The server asks for the first message again (HelloRetryRequest), and answers for the second. */
export const inRetry: readonly Attack[] = [
  {
    name: "resolve the name of a server that retries",
    does: dns("retry.test"),
    expected: "allowed",
  },
  { name: "the same name in both hellos", does: again("retry.test"), expected: "allowed" },
  {
    name: "the same name, after a change of cipher",
    does: again("retry.test", "ccs"),
    expected: "allowed",
  },
  {
    name: "the same name, the second hello in pieces",
    does: again("retry.test", "segments"),
    expected: "allowed",
  },
  refused("another name in the second hello", again("retry-neighbour.test"), true),
  refused("the same after a change of cipher", again("retry-neighbour.test", "ccs"), true),
  refused("the same in pieces", again("retry-neighbour.test", "segments"), true),
  refused("the same in several records", again("retry-neighbour.test", "records"), true),
  refused("the same, before the server has asked", again("retry-neighbour.test", "early"), true),
];

const http = (...texts: string[]) => ({ kind: "http", address: allowed, texts });
const get = (host: string, more = "") => `GET / HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`;

export const inHttp: readonly Attack[] = [
  { name: "HTTP with an allowed name", does: http(get("allowed.test")), expected: "allowed" },
  refused("HTTP to an allowed address with another name", http(get("evil.test")), true),
  refused("another name in the second request", http(get("allowed.test"), get("evil.test")), true),
  refused("the neighbour behind a shared address, HTTP", {
    kind: "http",
    address: shared,
    texts: [get("neighbour.test")],
  }, true),
  refused(
    "another authority in the request's target",
    http("GET http://evil.test/ HTTP/1.1\r\nHost: allowed.test\r\n\r\n"),
  ),
  refused("two Host headers", http(get("allowed.test", "Host: evil.test\r\n"))),
  refused("no Host header", http("GET / HTTP/1.0\r\n\r\n")),
  refused("an address as Host", http(get("80.0.113.10"))),
  refused("CONNECT", http("CONNECT evil.test:443 HTTP/1.1\r\nHost: allowed.test\r\n\r\n")),
  refused("HTTP/2 without being asked", http("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")),
  refused(
    "a request smuggled behind a length and a chunk",
    http(
      "POST / HTTP/1.1\r\nHost: allowed.test\r\nContent-Length: 60\r\n" +
        `Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n${get("evil.test")}`,
      get("evil.test"),
    ),
  ),
];

const frame = (form: string, more: Attack["does"] = {}) => ({
  kind: "frame",
  form,
  gateway,
  source: "10.201.0.2",
  target: evil,
  text: `frame ${form}`,
  ...more,
});

function unanswered(name: string, does: Attack["does"]): Attack {
  return { name, does, expected: "unanswered" };
}

/** A line of shell, which says by its exit code that nothing came. */
function shell(name: string, line: string): Attack {
  return { name, does: { kind: "shell", line }, expected: "allowed" };
}

/** Below the names: other addresses, other families, frames made by hand. */
export const below: readonly Attack[] = [
  refused("IPv6 by address", tcp("2001:db8:113::10", 443)),
  refused("IPv6 mapped IPv4", tcp("::ffff:80.0.113.11", 443), true),
  shell(
    "its own IPv6 address and route",
    "ip -6 addr add 2001:db8:1::99/64 dev eth0 nodad; " +
      "ip -6 route replace default via 2001:db8:1::1 dev eth0; " +
      "! timeout 1 nc -z 2001:db8:113::10 443",
  ),
  shell(
    "the gateway by its link-local address",
    "for a in fe80::1 ff02::2; do ping -6 -c1 -W1 $a%eth0 && exit 1; done; " +
      "! timeout 1 nc -z fe80::1%eth0 22",
  ),
  unanswered("IPv6 in a frame made by hand", frame("ipv6")),
  unanswered("another source address", frame("plain", { source: "80.0.113.99" })),
  unanswered("the gateway's address as source", frame("plain", { source: gateway })),
  unanswered("another machine's address as source", frame("plain", { source: "10.201.5.2" })),
  unanswered("another MAC address", frame("other-mac", { target: allowed })),
  unanswered("a fragment", frame("fragment")),
  unanswered("ARP: claims to be the gateway", frame("arp")),
  shell(
    "another address that it chose",
    "ip addr add 10.201.0.66/32 dev eth0; ! timeout 1 nc -z -s 10.201.0.66 80.0.113.10 443",
  ),
  unanswered("multicast (mDNS)", frame("plain", { target: "224.0.0.251" })),
  unanswered("broadcast", frame("plain", { target: "255.255.255.255" })),
];

export const attacks: readonly Attack[] = [
  ...byAddress,
  ...nearby,
  ...byName,
  ...inTls,
  ...inRetry,
  ...inHttp,
  ...below,
];
