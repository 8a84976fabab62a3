import type { OwnAddress } from "../../../../lib/network/proxy/decide.ts";
import assert from "node:assert/strict";
import { addressesToDial, problemWithPlace } from "../../../../lib/network/proxy/decide.ts";
import { parseIpv6 } from "../../../../lib/base/ipv6.ts";
import type { NetworkPolicy } from "../../../../lib/network/policy/policy.ts";
import { examplePolicy } from "../../support/record.ts";

const policy: NetworkPolicy = {
  ...examplePolicy,
  mode: "filtered",
  domains: ["allowed.test", "*.below.test"],
  denied: ["secret.allowed.test"],
  ports: [80, 443, 22],
  allowHost: [8080],
  resolvers: [],
};

const places: readonly (readonly [host: string, port: number, problem: string | undefined])[] = [
  ["allowed.test", 443, undefined],
  ["allowed.test", 22, undefined],
  ["deep.er.allowed.test", 443, undefined],
  ["evilallowed.test", 443, "name"],
  ["allowed.test.evil.test", 443, "name"],
  ["secret.allowed.test", 443, "name"],
  ["x.secret.allowed.test", 443, "name"],
  ["below.test", 443, "name"],
  ["x.below.test", 443, undefined],
  ["allowed.test", 8443, "port"],
  ["allowed.test", 80, "tunnel"],
  ["host.nixbox.internal", 8080, undefined],
  ["host.nixbox.internal", 22, "host"],
  ["localhost", 443, "name"],
  ["", 443, "literal"],
  ["-allowed.test", 443, "literal"],
  ["allowed..test", 443, "literal"],
  [`${"a".repeat(64)}.allowed.test`, 443, "literal"],
  [`${"a.".repeat(124)}allowed.test`, 443, "literal"],
  ...["127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "127.1", "0177.0.0.1", "1.2.3.4.5"].map(
    (host) => [host, 443, "literal"] as const,
  ),
  ["[::1]", 443, "literal"],
  ["[::ffff:1.2.3.4]", 443, "literal"],
];

for (const [host, port, problem] of places) {
  Deno.test(`proxy: a tunnel to ${host || "nothing"}:${port} ${problem ?? "passes"}`, () => {
    assert.equal(problemWithPlace(policy, "tunnel", host, port), problem);
  });
}

Deno.test("proxy: plain requests go to port 80, and tunnels too where names are not looked at", () => {
  assert.equal(problemWithPlace(policy, "plain", "allowed.test", 80), undefined);
  const blind = { ...policy, inspect: false };
  assert.equal(problemWithPlace(blind, "tunnel", "allowed.test", 80), undefined);
});

Deno.test("proxy: off lets nothing through, open every name", () => {
  const off = { ...policy, mode: "off" } as const;
  assert.equal(problemWithPlace(off, "tunnel", "allowed.test", 443), "off");
  const open = { ...policy, mode: "open" } as const;
  assert.equal(problemWithPlace(open, "tunnel", "other.test", 9999), undefined);
  assert.equal(problemWithPlace(open, "tunnel", "10.0.0.1", 443), "literal");
});

const dials = (address: string, change: Partial<NetworkPolicy> = {}, own: OwnAddress[] = []) =>
  addressesToDial({ ...policy, ...change }, [address], own, 443).length === 1;

// First and last of each range that is not a public one, and the addresses beside it.
const borders: readonly (readonly [outside: string, first: string, last: string, after: string])[] =
  [
    ["", "0.0.0.0", "0.255.255.255", "1.0.0.0"],
    ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"],
    ["100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"],
    ["126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"],
    ["169.253.255.255", "169.254.0.0", "169.254.169.254", "169.255.0.0"],
    ["172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"],
    ["191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"],
    ["192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"],
    ["192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"],
    ["198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"],
    ["203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"],
    ["192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"],
    ["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"],
    ["223.255.255.255", "224.0.0.0", "255.255.255.255", ""],
    ["", "::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2000::"],
    ["2000:ffff::1", "2001::", "2001:1ff:ffff::", "2001:200::"],
    ["2001:db7:ffff::", "2001:db8::", "2001:db8:ffff:ffff::1", "2001:db9::"],
    ["2001:ffff::", "2002::", "2002:ffff:ffff::", "2003::"],
    ["3ffe:ffff::", "3fff::", "3fff:fff:ffff::", "3fff:1000::"],
    ["3fff:ffff::", "4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""],
  ];

for (const [before, first, last, after] of borders) {
  Deno.test(`proxy: from ${first} to ${last} nothing is dialled, beside it everything is`, () => {
    for (const address of [first, last]) assert.equal(dials(address), false, address);
    for (const address of [before, after]) {
      if (address !== "") assert.equal(dials(address), true, address);
    }
  });
}

Deno.test("proxy: nothing that stands for a private IPv4 address is dialled", () => {
  for (
    const address of [
      ...["::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::10.0.0.1", "64:ff9b::8.8.8.8"],
      ...[
        "64:ff9b:1::a00:1",
        "2002:a00:1::",
        "2001:0:53aa::1",
        "fe80::1",
        "fec0::1",
        "fd00:ec2::254",
      ],
      ...["ff02::1", "fe80::1%en0", "010.0.0.1", "1.2.3", "1.2.3.4.5", "", "localhost"],
    ]
  ) assert.equal(dials(address), false, address);
});

Deno.test("proxy: a private range that the config opens is dialled, and no other", () => {
  const allowPrivate = ["10.1.0.0/16"];
  assert.equal(dials("10.1.2.3", { allowPrivate }), true);
  assert.equal(dials("10.2.0.0", { allowPrivate }), false);
  assert.equal(dials("127.0.0.1", { allowPrivate }), false);
});

Deno.test("proxy: of this host's own public addresses only the ports of allowHost are dialled", () => {
  const own = [
    { address: "80.0.2.2", cidr: "80.0.2.2/32" },
    { address: "2a00::1", cidr: "2a00::1/128" },
  ];
  assert.equal(dials("80.0.2.2", {}, own), false);
  assert.equal(dials("2a00::1", {}, own), false);
  assert.equal(dials("80.0.2.2", { allowHost: [443] }, own), true);
});

Deno.test("proxy: this host's neighbours on a link are not dialled, however public they look", () => {
  const own = [
    { address: "80.0.2.2", cidr: "80.0.2.2/24" },
    { address: "2a00:1:2:3::9", cidr: "2a00:1:2:3::9/64" },
    // A tunnel's, to everybody.
    { address: "100.100.0.1", cidr: "100.100.0.1/0" },
  ];
  for (const address of ["80.0.2.1", "80.0.2.255", "2a00:1:2:3::1", "2a00:1:2:3:ffff::"]) {
    assert.equal(dials(address, {}, own), false, address);
  }
  for (const address of ["80.0.3.1", "2a00:1:2:4::1"]) {
    assert.equal(dials(address, {}, own), true, address);
  }
  assert.equal(dials("80.0.2.1", { allowPrivate: ["80.0.2.0/28"] }, own), true);
});

Deno.test("IPv6: every spelling of an address is the same eight numbers", () => {
  const loopback = [0, 0, 0, 0, 0, 0, 0, 1];
  for (const text of ["::1", "0:0:0:0:0:0:0:1", "0::0:1", "::0.0.0.1"]) {
    assert.deepEqual(parseIpv6(text), loopback, text);
  }
  for (
    const text of [
      "",
      ":",
      ":::",
      "1::2::3",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "g::",
      "::1.2.3",
    ]
  ) {
    assert.equal(parseIpv6(text), undefined, text);
  }
});
