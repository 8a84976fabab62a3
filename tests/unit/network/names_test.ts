import assert from "node:assert/strict";
import fc from "fast-check";
import { slotAddresses } from "../../../lib/network/policy/addresses.ts";
import { dnsmasqConfig, dnsmasqPaths, dnsmasqServers } from "../../../lib/network/dns/dnsmasq.ts";
import {
  inspectorConfig,
  inspectorNames,
  inspectorPaths,
} from "../../../lib/network/inspector/inspector.ts";
import {
  inspected,
  isNameAllowed,
  needsInspector,
  type NetworkPolicy,
  plainPorts,
} from "../../../lib/network/policy/policy.ts";
import { examplePolicy } from "../support/record.ts";

const filtered: NetworkPolicy = { ...examplePolicy, mode: "filtered", domains: ["x.test"] };

function config(policy: Partial<NetworkPolicy>, canFilterRecords = true): string[] {
  return dnsmasqConfig({
    slot: slotAddresses(7),
    paths: dnsmasqPaths("/run/nixbox", 7),
    mac: "02:00:00:00:00:07",
    hostname: "box",
    policy: { ...filtered, ...policy },
    canFilterRecords,
  }).split("\n");
}

Deno.test("dnsmasq serves one guest on one tap, and asks whom its servers-file names", () => {
  for (const mode of ["open", "filtered"] as const) {
    const lines = config({ mode });
    for (
      const line of [
        "interface=guest",
        "except-interface=lo",
        "bind-interfaces",
        "no-resolv",
        "no-hosts",
        "servers-file=/run/nixbox/vm/7/servers.conf",
        "dhcp-host=02:00:00:00:00:07,10.201.7.2,box",
        "dhcp-option=option:router,10.201.7.1",
        "pid-file=",
      ]
    ) assert.ok(lines.includes(line), line);
    assert.ok(!lines.includes("port=0"));
  }
});

Deno.test("off gives an address and nothing else", () => {
  const lines = config({ mode: "off" });
  for (const line of ["port=0", "dhcp-option=option:router", "dhcp-option=option:dns-server"]) {
    assert.ok(lines.includes(line), line);
  }
  assert.equal(dnsmasqServers({ ...filtered, mode: "off" }), "");
});

Deno.test("filtered puts answers into the set, caches none and gives none of a private range", () => {
  const lines = config({});
  for (
    const line of [
      "nftset=/#/4#inet#nixbox_s7#allow4",
      "cache-size=0",
      "filter-AAAA",
      "filter-rr=HTTPS,SVCB",
      "stop-dns-rebind",
      "log-queries=extra",
    ]
  ) assert.ok(lines.includes(line), line);
  assert.ok(!config({}, false).some((line) => line.startsWith("filter-rr")));
  assert.ok(!config({ allowPrivate: ["10.1.0.0/16"] }).includes("stop-dns-rebind"));
  assert.ok(!config({ mode: "open" }).some((line) => line.startsWith("nftset")));
});

Deno.test("in filtered only names of the policy have a server", () => {
  const policy = { ...filtered, domains: ["a.test", "*.b.test"], denied: ["no.a.test"] };
  assert.equal(
    dnsmasqServers(policy),
    "server=/no.a.test/\nserver=/a.test/192.0.2.1\nserver=/*.b.test/192.0.2.1\n",
  );
  assert.equal(dnsmasqServers({ ...policy, mode: "open" }), "server=192.0.2.1\n");
});

const cases: readonly (readonly [string, boolean])[] = [
  ["a.test", true],
  ["x.a.test", true],
  ["xa.test", false],
  ["a.test.evil.test", false],
  ["b.test", false],
  ["x.b.test", true],
  ["no.a.test", false],
  ["deep.no.a.test", false],
  ["yes.no.a.test", true],
  ["", false],
];
const mixed = {
  ...filtered,
  domains: ["a.test", "*.b.test", "yes.no.a.test"],
  denied: ["no.a.test"],
};

for (const [name, expected] of cases) {
  Deno.test(`names: "${name}" is ${expected ? "allowed" : "refused"}`, () => {
    assert.equal(isNameAllowed(mixed, name), expected);
    assert.equal(allowedByMap(mixed, name), expected);
  });
}

/** What HAProxy's map_reg makes of the map: the first pattern that fits decides. */
function allowedByMap(policy: NetworkPolicy, name: string): boolean {
  for (const line of inspectorNames(policy).trimEnd().split("\n")) {
    const [pattern = "", verdict] = line.split(" ");
    if (new RegExp(pattern).test(name)) return verdict === "allow";
  }
  return false;
}

Deno.test("the inspector's map says the same as the policy of any name", () => {
  const label = fc.constantFrom("a", "b", "no", "x", "a-b", "_s");
  const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
  const pattern = fc.tuple(fc.boolean(), name).map(([wild, text]) => wild ? `*.${text}` : text);
  fc.assert(fc.property(
    fc.array(pattern, { maxLength: 5 }),
    fc.array(pattern, { maxLength: 3 }),
    name,
    (domains, denied, asked) => {
      const policy = { ...filtered, domains, denied };
      assert.equal(allowedByMap(policy, asked), isNameAllowed(policy, asked));
    },
  ));
});

Deno.test("the map takes labels only: a Host header may hold anything", () => {
  for (
    const odd of ["evil.test@x.a.test", "evil.test/.a.test", "a.test\nb", " .a.test", "..a.test"]
  ) {
    assert.equal(allowedByMap(mixed, odd), false, odd);
  }
});

Deno.test("names are looked at on 80 and 443, in filtered, unless inspection is off", () => {
  assert.deepEqual(inspected(filtered), { tls: true, http: true });
  assert.deepEqual(plainPorts({ ...filtered, ports: [22, 80, 443] }), [22]);
  assert.deepEqual(plainPorts({ ...filtered, inspect: false }), [80, 443]);
  assert.ok(!needsInspector({ ...filtered, ports: [22] }));
  assert.ok(!needsInspector({ ...filtered, mode: "open" }));
});

Deno.test("the inspector has only the sections that its policy needs", () => {
  const slot = slotAddresses(7);
  const paths = inspectorPaths("/run/nixbox/vm/7");
  const both = inspectorConfig(slot, paths, filtered);
  assert.match(both, /bind 10\.201\.7\.1:27443\n/);
  assert.match(both, /bind 10\.201\.7\.1:27080 proto h1\n/);
  assert.match(both, /chroot \/run\/nixbox\/vm\/7\/jail/);
  const tls = inspectorConfig(slot, paths, { ...filtered, ports: [443] });
  assert.doesNotMatch(tls, /frontend http/);
});
