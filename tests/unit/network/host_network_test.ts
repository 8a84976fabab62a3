import assert from "node:assert/strict";
import { overlaps, parseHostNetwork } from "../../../lib/network/host_network.ts";
import { forwardingRules } from "../../../lib/network/forwarding.ts";
import { chooseRange } from "../../../lib/network/range.ts";

/** As `ip -json -4 address show` prints it, shortened. */
const addresses = JSON.stringify([
  {
    ifname: "lo",
    addr_info: [{ family: "inet", local: "127.0.0.1", prefixlen: 8, label: "lo" }],
  },
  {},
  {
    ifname: "eth0",
    addr_info: [
      { family: "inet", local: "198.51.100.9", prefixlen: 24 },
      { family: "inet", local: "10.0.0.1", address: "10.9.9.9", prefixlen: 32 },
    ],
  },
  { ifname: "nbx3", addr_info: [{ family: "inet", local: "10.201.3.5", prefixlen: 32 }] },
]);
const routes = JSON.stringify([
  { dst: "default", gateway: "198.51.100.1", dev: "eth0" },
  { dst: "10.201.0.0/20", dev: "tun0" },
  { dst: "10.201.3.6", dev: "nbx3", table: "20103" },
  { type: "local", dst: "198.51.100.9", dev: "eth0", table: "local" },
]);

const none = () => Promise.resolve(undefined);

Deno.test("a host's addresses, networks and routes are read, without nixbox's own", () => {
  assert.deepEqual(parseHostNetwork(addresses, routes), {
    addresses: ["10.0.0.1", "127.0.0.1", "198.51.100.9"],
    subnets: ["10.9.9.9/32", "198.51.100.0/24"],
    routes: ["10.201.0.0/20", "198.51.100.9/32"],
  });
  assert.deepEqual(parseHostNetwork("[]", ""), { addresses: [], subnets: [], routes: [] });
});

Deno.test("what cannot be read is an error, not a host without addresses", () => {
  for (const bad of ["", "{", "{}", '[{"addr_info":[{"family":1}]}]']) {
    assert.throws(() => parseHostNetwork(bad, "[]"), /addresses cannot be read/, bad);
  }
  assert.throws(() => parseHostNetwork("[]", '[{"dev":"x"}]'), /addresses cannot be read/);
});

Deno.test("ranges overlap where one has a part of the other", () => {
  assert.ok(overlaps("10.201.0.0/18", "10.201.63.0/24"));
  assert.ok(overlaps("10.201.5.0/24", "10.0.0.0/8"));
  assert.ok(!overlaps("10.201.0.0/18", "10.201.64.0/24"));
});

Deno.test("machines take the first range that the host has no part of", async () => {
  const network = { addresses: [], subnets: [], routes: [] };
  assert.equal(await chooseRange(network, none), "10.201.0.0/18");
  const lan = { ...network, subnets: ["10.201.3.0/24"] };
  assert.equal(await chooseRange(lan, none), "10.202.0.0/18");
  assert.equal(await chooseRange(parseHostNetwork(addresses, routes), none), "10.202.0.0/18");
  // A VPN that takes all of 10.0.0.0/8 is kept out of the way of where that is possible.
  const vpn = { ...network, routes: ["10.0.0.0/8"] };
  assert.equal(await chooseRange(vpn, none), "172.31.64.0/18");
  const all = { ...vpn, subnets: ["172.31.0.0/16", "192.168.0.0/16"] };
  assert.equal(await chooseRange(all, none), "10.201.0.0/18");
  const full = { ...all, subnets: [...all.subnets, "10.128.0.0/9"] };
  await assert.rejects(chooseRange(full, none), /leave no range for machines/);
});

Deno.test("the administrator's range counts, and must be a private one with room for 64 slots", async () => {
  const network = { addresses: [], subnets: [], routes: [] };
  const say = (text: string) => () => Promise.resolve(text);
  assert.equal(await chooseRange(network, say("172.20.0.0/16\n")), "172.20.0.0/16");
  for (const bad of ["8.8.0.0/16", "10.0.0.0/19", "10.0.0.0", "x", ""]) {
    await assert.rejects(chooseRange(network, say(bad)), /is not a range for machines/, bad);
  }
});

Deno.test("a host that forwards for machines drops what goes between its own interfaces", () => {
  const text = forwardingRules(["eth0", "wlan0"]);
  assert.match(text, /set known \{ type ifname; elements = \{ "eth0", "wlan0" \} \}/);
  assert.match(text, /iifname "nbx\*" accept\n {4}oifname "nbx\*" accept/);
  assert.match(text, /iifname != @known meta iifkind \{ "bridge"/);
  assert.match(text, /counter drop\n {2}\}/);
  assert.match(forwardingRules([]), /set known \{ type ifname; \}/);
});
