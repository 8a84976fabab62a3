import assert from "node:assert/strict";
import fc from "fast-check";
import { addressInLeases, addressInNeighbours } from "../../../lib/host/darwin_leases.ts";

const now = 1_700_000_000;
const mac = "02:00:00:00:0a:01";
const hex = (seconds: number) => `0x${seconds.toString(16)}`;

/** A record as macOS' bootpd writes it. */
function lease(fields: Readonly<Record<string, string>>): string {
  const all = {
    name: "nixbox",
    ip_address: "192.168.64.3",
    hw_address: "1,2:0:0:0:a:1",
    identifier: "1,2:0:0:0:a:1",
    lease: hex(now + 600),
    ...fields,
  };
  return `{\n${Object.entries(all).map(([key, value]) => `\t${key}=${value}\n`).join("")}}\n`;
}

const cases: readonly (readonly [what: string, text: string, address: string | undefined])[] = [
  ["no file", "", undefined],
  ["one lease, octets without leading zeros", lease({}), "192.168.64.3"],
  ["octets with them, in capitals", lease({ hw_address: "1,02:00:00:00:0A:01" }), "192.168.64.3"],
  [
    "the newest of several, wherever it stands",
    lease({ ip_address: "192.168.64.4", lease: hex(now + 900) }) + lease({}),
    "192.168.64.4",
  ],
  [
    "one that ended beside one that has not",
    lease({ ip_address: "192.168.64.9", lease: hex(now - 1) }) + lease({}),
    "192.168.64.3",
  ],
  ["one that ended", lease({ lease: hex(now) }), undefined],
  ["a MAC that only begins alike", lease({ hw_address: "1,2:0:0:0:a:1f" }), undefined],
  ["a MAC that only ends alike", lease({ hw_address: "1,12:0:0:0:a:1" }), undefined],
  [
    "macOS 15: the client's id in its place, made of the MAC",
    lease({ hw_address: "ff,2:0:0:0:a:1", identifier: "ff,2:0:0:0:a:1" }),
    "192.168.64.3",
  ],
  [
    "a DUID with the MAC (type 3)",
    lease({ hw_address: "ff,0:0:0:1:0:3:0:1:2:0:0:0:a:1" }),
    "192.168.64.3",
  ],
  [
    "a DUID with a time and the MAC (type 1)",
    lease({ hw_address: "ff,0:0:0:1:0:1:0:1:2c:3d:4e:5f:2:0:0:0:a:1" }),
    "192.168.64.3",
  ],
  [
    "networkd's own DUID (type 2) says nothing of a MAC",
    lease({
      hw_address: "ff,f1:f5:dd:7f:0:2:0:0:ab:11:2:0:0:0:a:1",
      identifier: "ff,f1:f5:dd:7f:0:2:0:0:ab:11:2:0:0:0:a:1",
    }),
    undefined,
  ],
  ["keys that nobody knows", lease({ zone: "7", "odd line": "" }), "192.168.64.3"],
  ["no address", lease({ ip_address: "" }), undefined],
  ["an address that is not valid", lease({ ip_address: "192.168.64.300" }), undefined],
  ["an end that is not a number", lease({ lease: "soon" }), undefined],
  ["half a record after a whole one", lease({}) + lease({}).slice(0, 30), "192.168.64.3"],
  ["half a record", lease({}).slice(0, 40), undefined],
  ["CR and LF", lease({}).replaceAll("\n", "\r\n"), "192.168.64.3"],
  ["no braces", "ip_address=192.168.64.3", undefined],
];

for (const [what, text, address] of cases) {
  Deno.test(`leases: ${what}`, () => assert.equal(addressInLeases(text, mac, now), address));
}

Deno.test("leases: thousands of others are read past", () => {
  const others = Array.from({ length: 20_000 }, (_, index) =>
    lease({
      ip_address: `192.168.${index % 250}.${(index >> 8) % 250}`,
      hw_address: `1,2:0:0:1:${(index >> 8).toString(16)}:${(index & 255).toString(16)}`,
    }));
  const text = others.join("") + lease({ ip_address: "192.168.65.7" });
  assert.equal(addressInLeases(text, mac, now), "192.168.65.7");
});

Deno.test("leases: whatever the file holds, the answer is an address or none", () => {
  const words = ["{", "}", "\n", "=", "ip_address=", "hw_address=1,", "2:0:0:0:a:1", "lease=0x"];
  const text = fc.array(fc.oneof(fc.constantFrom(...words), fc.string())).map((all) =>
    all.join("")
  );
  fc.assert(fc.property(text, (text) => {
    const found = addressInLeases(text, mac, now);
    assert.match(found ?? "0.0.0.0", /^\d{1,3}(\.\d{1,3}){3}$/);
  }));
});

const neighbours: readonly (readonly [what: string, text: string, address: string | undefined])[] =
  [
    ["none", "", undefined],
    [
      "one",
      "? (192.168.64.1) at be:d0:74:22:6:64 on bridge100 ifscope permanent [bridge]\n" +
      "? (192.168.64.3) at 2:0:0:0:a:1 on bridge100 ifscope [bridge]\n",
      "192.168.64.3",
    ],
    ["a name", "box.local (192.168.64.3) at 2:0:0:0:a:1 on bridge100 [bridge]\n", "192.168.64.3"],
    [
      "one that has not answered",
      "? (192.168.64.3) at (incomplete) on bridge100 [bridge]",
      undefined,
    ],
    ["a MAC that ends alike", "? (192.168.64.3) at 12:0:0:0:a:1 on bridge100", undefined],
    ["an address that is not valid", "? (1.2.3) at 2:0:0:0:a:1 on bridge100", undefined],
  ];

for (const [what, text, address] of neighbours) {
  Deno.test(`neighbours: ${what}`, () => assert.equal(addressInNeighbours(text, mac), address));
}

Deno.test("a MAC that is not valid is nobody's", () => {
  assert.equal(addressInLeases(lease({ hw_address: "1,x" }), "x", now), undefined);
  assert.equal(addressInNeighbours("? (192.168.64.3) at x on en0", "x"), undefined);
});
