import assert from "node:assert/strict";
import { addressesOf, macOf, slotAddresses } from "../../../lib/network/policy/addresses.ts";
import { parseResolvConf, upstreamResolvers } from "../../../lib/network/resolvers.ts";
import { createTapBatch, openTapBatch } from "../../../lib/network/namespace/tap.ts";

Deno.test("every slot has its own names and addresses", () => {
  const all = Array.from({ length: 64 }, (_, slot) => slotAddresses(slot));
  for (
    const key of [
      "namespace",
      "link",
      "table",
      "routes",
      "firstRule",
      "gateway",
      "address",
      "wayOut",
    ] as const
  ) {
    assert.equal(new Set(all.map((slot) => slot[key])).size, 64);
  }
  assert.ok(all.every(({ link }) => link.length <= 15));
  assert.equal(slotAddresses(63, "10.64.0.0/10").address, "10.64.63.2");
  for (const slot of all) assert.deepEqual(addressesOf(slot), slot);
  for (const bad of [-1, 64, 1.5, Number.NaN]) assert.throws(() => slotAddresses(bad), RangeError);
});

Deno.test("a project's MAC is stable, unicast and locally administered", async () => {
  const mac = await macOf("0123456789ab");
  assert.match(mac, /^02(:[0-9a-f]{2}){5}$/);
  assert.equal(await macOf("0123456789ab"), mac);
  assert.notEqual(await macOf("0123456789ac"), mac);
});

Deno.test("the resolvers are the host's real ones, or the config's", async () => {
  const files: Record<string, string> = {
    "/run/systemd/resolve/resolv.conf":
      "# x\nnameserver 192.0.2.1\nnameserver fe80::1%eth0\nnameserver 127.0.0.1\n",
    "/etc/resolv.conf": "nameserver 127.0.0.53\n",
  };
  const read = (path: string) => Promise.resolve(files[path]);
  assert.deepEqual(await upstreamResolvers([], read), ["192.0.2.1"]);
  assert.deepEqual(await upstreamResolvers(["9.9.9.9"], read), ["9.9.9.9"]);
  delete files["/run/systemd/resolve/resolv.conf"];
  await assert.rejects(upstreamResolvers([], read), /names no DNS resolver/);
  files["/run/NetworkManager/no-stub-resolv.conf"] = "nameserver 192.0.2.7\n";
  assert.deepEqual(await upstreamResolvers([], read), ["192.0.2.7"]);
  assert.deepEqual(parseResolvConf("nameserver 2001:db8::1\n search x\nnameserver\n"), []);
});

Deno.test("a tap has several queues only for several vCPUs", () => {
  const slot = slotAddresses(7);
  const options = { uid: 1000, cpus: 1, hostHasIpv6: true };
  const one = createTapBatch(slot, options);
  assert.match(one, /^tuntap add dev guest mode tap user 1000\n/);
  assert.match(one, /link set dev guest addrgenmode none\n/);
  assert.doesNotMatch(one, / up\n/);
  const open = openTapBatch(slot, "02:00:00:00:00:07");
  assert.match(open, /address add 10\.201\.7\.1\/30 dev guest\n/);
  assert.match(open, /neighbor replace 10\.201\.7\.2 lladdr 02:00:00:00:00:07/);
  assert.match(createTapBatch(slot, { ...options, cpus: 2 }), /user 1000 multi_queue\n/);
  assert.doesNotMatch(createTapBatch(slot, { ...options, hostHasIpv6: false }), /addrgenmode/);
});
