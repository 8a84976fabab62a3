import assert from "node:assert/strict";
import { readDnsmasqLog } from "../../../lib/network/dns/dnsmasq_log.ts";
import { readInspectorLog } from "../../../lib/network/inspector/inspector_log.ts";
import type { NetworkPolicy } from "../../../lib/network/policy/policy.ts";
import {
  refusalOfAddress,
  refusalsOfNames,
  type RefusedAddress,
} from "../../../lib/network/rules/refusals.ts";
import { parseRefusedSets } from "../../../lib/network/rules/refused_sets.ts";
import { examplePolicy } from "../support/record.ts";

const policy: NetworkPolicy = { ...examplePolicy, mode: "filtered", domains: ["ok.test"] };
const now = Date.UTC(2026, 10, 23, 12);

const dnsmasqLog = `Nov 23 09:44:23 dnsmasq[92]: started, version 2.91 cache disabled
Nov 23 09:44:24 dnsmasq[92]: 1 10.201.7.2/35190 query[A] Ok.test from 10.201.7.2
Nov 23 09:44:24 dnsmasq[92]: 1 10.201.7.2/35190 forwarded ok.test to 192.0.2.1
Nov 23 09:44:24 dnsmasq[92]: 1 10.201.7.2/35190 nftset add 4 inet nixbox_s7 allow4 198.51.100.1 
Nov 23 09:44:24 dnsmasq[92]: 1 10.201.7.2/35190 reply ok.test is 198.51.100.1
Nov 23 09:44:25 dnsmasq[92]: 2 10.201.7.2/47406 query[A] evil.test from 10.201.7.2
Nov 23 09:44:25 dnsmasq[92]: 2 10.201.7.2/47406 config error is REFUSED (EDE: not ready)
Nov 23 09:44:26 dnsmasq[92]: 3 10.201.7.2/47406 query[AAAA] evil.test from 10.201.7.2
Nov 23 09:44:26 dnsmasq[92]: 3 10.201.7.2/47406 config error is REFUSED (EDE: not ready)
Nov 23 09:44:26 dnsmasq[92]: 4 10.201.7.1/5000 query[A] mine.test from 10.201.7.1
Nov 23 09:44:26 dnsmasq[92]: 4 10.201.7.1/5000 config error is REFUSED (EDE: not ready)
Nov 23 09:44:27 dnsmasq[92]: possible DNS-rebind attack detected: lan.ok.test
`;

Deno.test("dnsmasq's log tells who was refused, when, and which names led where", () => {
  const { refused, names } = readDnsmasqLog(dnsmasqLog, now, "10.201.7.2");
  assert.deepEqual(refused.map(({ name, how }) => `${how} ${name}`), [
    "dns evil.test",
    "dns evil.test",
    "rebinding lan.ok.test",
  ]);
  assert.equal(refused[0]?.time, Date.UTC(2026, 10, 23, 9, 44, 25));
  assert.deepEqual([...names], [["198.51.100.1", ["ok.test"]]]);
});

Deno.test("a log of December read in January is of last year", () => {
  const january = Date.UTC(2027, 0, 1);
  const text = dnsmasqLog.replaceAll("Nov 23", "Dec 31");
  const { refused } = readDnsmasqLog(text, january, "10.201.7.2");
  assert.equal(refused[0]?.time, Date.UTC(2026, 11, 31, 9, 44, 25));
});

Deno.test("names that were refused are told once, with their count and the line that allows them", () => {
  const { refused } = readDnsmasqLog(dnsmasqLog, now, "10.201.7.2");
  const [evil, lan] = refusalsOfNames(refused, policy);
  assert.deepEqual(evil, {
    time: Date.UTC(2026, 10, 23, 9, 44, 26),
    count: 2,
    asked: "evil.test",
    reason: "not in network.domains",
    allow: 'network.domains = [ "evil.test" ];',
  });
  assert.match(lan?.reason ?? "", /leads to a private address/);
  assert.match(lan?.allow ?? "", /allowPrivate/);
});

Deno.test("the inspector's log is read by its own lines only", () => {
  const text = "1795427064\ttls\tevil.test\t198.51.100.1\tname\n" +
    "1795427065\ttls\t?encrypted\t198.51.100.1\t?encrypted\n" +
    "1795427066 tls neighbour.test 198.51.100.1 retry\n" +
    "[NOTICE] haproxy version\nnonsense\ttls\ta\tb\tc\n1795427066 tls x y name\n";
  const read = readInspectorLog(text);
  assert.equal(read.length, 3);
  const [first, second, third] = refusalsOfNames(read, policy);
  assert.equal(first?.asked, "evil.test (TLS to 198.51.100.1)");
  assert.equal(first?.allow, 'network.domains = [ "evil.test" ];');
  assert.equal(second?.asked, "198.51.100.1 tcp/443");
  assert.match(second?.reason ?? "", /ECH/);
  assert.match(third?.reason ?? "", /names another site when the server asks/);
});

Deno.test("no line is offered for what is not a domain", () => {
  const name = (text: string) =>
    ({ time: 0, name: text, how: "http", address: "1.2.3.4" }) as const;
  for (const text of ["203.0.113.1", "a b", 'x";', "one"]) {
    assert.equal(refusalsOfNames([name(text)], policy)[0]?.allow, undefined, text);
  }
});

const listing = JSON.stringify({
  nftables: [
    { metainfo: { version: "1.1.3" } },
    {
      set: {
        name: "refused_address",
        elem: [{
          elem: {
            val: { concat: ["198.51.100.9", "tcp", 8080] },
            timeout: 86400,
            expires: 86390,
            counter: { packets: 3, bytes: 180 },
          },
        }],
      },
    },
    {
      set: {
        name: "refused_other",
        elem: [{ elem: { val: { concat: ["198.51.100.9", "icmp"] } } }],
      },
    },
    { set: { name: "allow4", elem: ["198.51.100.1"] } },
    { chain: { name: "input" } },
  ],
});

Deno.test("the firewall's sets tell what was refused, how often and when", () => {
  const [first, second, ...more] = parseRefusedSets(listing, now);
  assert.deepEqual(more, []);
  assert.deepEqual(first, {
    by: "address",
    address: "198.51.100.9",
    protocol: "tcp",
    port: 8080,
    count: 3,
    time: now - 10_000,
  });
  assert.equal(second?.protocol, "icmp");
});

const at = { address: "198.51.100.9", count: 1, time: now } as const;
const cases: readonly (readonly [RefusedAddress, readonly string[], RegExp, string | undefined])[] =
  [
    [
      { ...at, by: "address", protocol: "tcp", port: 443 },
      [],
      /no allowed name/,
      'network.domains = [ "its name" ];',
    ],
    [
      { ...at, by: "address", protocol: "tcp", port: 8080 },
      ["ok.test"],
      /not in network\.ports/,
      "network.ports = [ 8080 ];",
    ],
    [
      { ...at, by: "address", protocol: "udp", port: 443 },
      [],
      /only TCP/,
      'network.mode = "open";',
    ],
    [
      { ...at, by: "host", protocol: "tcp", port: 22 },
      [],
      /this host/,
      "network.allowHost = [ 22 ];",
    ],
    [{ ...at, by: "host", protocol: "udp", port: 22 }, [], /this host/, undefined],
    [
      { ...at, by: "private", address: "10.1.2.3", protocol: "tcp", port: 80 },
      [],
      /private/,
      'network.allowPrivate = [ "10.1.2.3/32" ];',
    ],
    [{ ...at, by: "machine", protocol: "tcp", port: 22 }, [], /other machines/, undefined],
    [{ ...at, by: "ipv6", address: "2001:db8::1", protocol: "tcp" }, [], /IPv6/, undefined],
  ];

for (const [refused, names, reason, allow] of cases) {
  Deno.test(`a refusal by ${refused.by}, ${refused.protocol}, says why and what would allow it`, () => {
    const one = refusalOfAddress(refused, policy, names);
    assert.match(one.reason, reason);
    assert.equal(one.allow, allow);
    if (names.length > 0) assert.match(one.asked, /ok\.test/);
  });
}
