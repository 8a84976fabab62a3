import assert from "node:assert/strict";
import { type Finished, run } from "../../lib/host/process/run.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { slotAddresses } from "../../lib/network/policy/addresses.ts";
import { hostServices } from "./support/attacking.ts";
import { EmptySlot } from "./support/engine.ts";
import { newContacts } from "./support/internet.ts";
import { assertNothingLeft } from "./support/traces.ts";

const curl = "curl -sS -m 3 -o /dev/null -w %{http_code}";
const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

/** Ways in which others take away what this host has of rules. */
const flushes: Readonly<Record<string, readonly string[]>> = {
  "nft flush ruleset": ["nft", "flush", "ruleset"],
  "a restart of nftables": [
    "sh",
    "-c",
    "printf 'flush ruleset\\ntable inet filter {\\nchain input { type filter hook input priority 0; policy accept;\\n}\\n}\\n' | nft -f -",
  ],
  "iptables without rules, as a reload of firewalld leaves it": [
    "sh",
    "-c",
    "for t in raw mangle nat filter; do iptables -t $t -F; iptables -t $t -X; done; " +
    "nft list tables | sed 's/^/delete /' | nft -f -",
  ],
};

async function tryTo(argv: readonly string[]): Promise<Finished> {
  return await run(argv, { accept: "any", timeoutMs: 20_000 });
}

/** From the guest: nothing of the host, of its network or beyond is reached. */
async function assertShut(slot: EmptySlot, why: string): Promise<void> {
  await newContacts();
  const targets = [
    ["80.0.2.2", "2375"],
    ["192.168.77.2", "2375"],
    [slotAddresses(slot.slot).gateway, "2375"],
    [slotAddresses(slot.slot).hostAddress, "2375"],
    ["192.168.77.10", "80"],
    ["10.55.0.10", "80"],
    ["169.254.169.254", "80"],
    ["80.0.2.1", "53"],
  ];
  const tries = targets.map(([address, port]) =>
    `nc -z -w 1 ${address} ${port} && echo ${address}`
  );
  const { stdout } = await slot.run(`${tries.join("; ")}; true`);
  assert.equal(stdout, "", why);
  // A datagram needs no answer to arrive.
  await slot.run("for a in 192.168.77.10 10.55.0.10; do echo x | nc -u -w 1 $a 9999; done; true");
  assert.deepEqual(await newContacts(), [], why);
}

for (const [name, flush] of Object.entries(flushes)) {
  for (const mode of ["off", "filtered", "open"] as const) {
    Deno.test(`${name} opens nothing in mode ${mode}, whatever rp_filter is`, async () => {
      using _services = hostServices([2375]);
      await using slot = await EmptySlot.make(20, { mode });
      const { link } = slotAddresses(20);
      if (mode !== "off") {
        assert.equal((await slot.run(`${curl} http://allowed.test/`)).stdout, "200");
      }
      await assertShut(slot, "before");
      await run(flush);
      for (const value of ["0", "1", "2"]) {
        for (const where of ["all", link]) {
          await Deno.writeTextFile(`/proc/sys/net/ipv4/conf/${where}/rp_filter`, value);
        }
        await assertShut(slot, `rp_filter ${value}`);
        // Fails closed: not even what was allowed.
        assert.notEqual((await slot.run(`${curl} http://80.0.113.10/`)).stdout, "200");
        await slot.run("echo x | nc -u -w 1 80.0.113.11 9999");
        assert.deepEqual(await newContacts(), []);
      }
      await Deno.writeTextFile("/proc/sys/net/ipv4/conf/all/rp_filter", "0");
    });
  }
}

Deno.test("an address that the host gets later is as closed as the others, without rules, too", async () => {
  await using slot = await EmptySlot.make(21, { mode: "open" });
  using _services = hostServices([2375]);
  const probe = async () => (await slot.run("nc -z -w 1 80.0.77.1 2375")).code;
  await run(["ip", "address", "add", "80.0.77.1/24", "dev", "uplink"]);
  try {
    assert.equal(await probe(), 1);
    await run(["nft", "flush", "ruleset"]);
    assert.equal(await probe(), 1);
    await Deno.writeTextFile("/proc/sys/net/ipv4/conf/nbx21/rp_filter", "0");
    assert.equal(await probe(), 1);
  } finally {
    await run(["ip", "address", "delete", "80.0.77.1/24", "dev", "uplink"]);
  }
});

Deno.test("without the rules in its namespace a guest has no way out, nor to the host", async () => {
  await using slot = await EmptySlot.make(22, { mode: "open" });
  using _services = hostServices([2375]);
  assert.equal((await slot.run(`${curl} http://80.0.113.11/`)).stdout, "200");
  assert.equal((await slot.inside("nft", "flush", "ruleset")).code, 0);
  await assertShut(slot, "without rules inside");
  assert.notEqual((await slot.run(`${curl} http://80.0.113.11/`)).stdout, "200");
  await slot.run("echo x | nc -u -w 1 80.0.113.11 9999");
  assert.deepEqual(await newContacts(), []);
  await run(["nft", "flush", "ruleset"]);
  await assertShut(slot, "without any rules");
});

Deno.test("no other user of the host reaches guest, resolver or inspector; its own user the guest alone", async (t) => {
  await using slot = await EmptySlot.make(23);
  assert.equal((await slot.run(`${curl} http://allowed.test/`)).stdout, "200");
  const { address, gateway, wayOut, wayToHost } = slotAddresses(23);
  const listening = slot.run("timeout 60 nc -lk -p 8000 >/dev/null");
  await waitFor(async () => (await slot.run("nc -z 127.0.0.1 8000")).code === 0 || undefined, {
    timeoutMs: 5000,
  });
  const all = [
    [address, "8000"],
    ...[gateway, wayOut, wayToHost].flatMap((one) =>
      ["53", "27443", "27080"].map((port) => [one, port])
    ),
  ];
  const reached = async (as: readonly string[]) => {
    const found: string[] = [];
    for (const [one = "", port = ""] of all) {
      const { code } = await tryTo([...as, "nc", "-z", "-w", "1", one, port]);
      if (code === 0) found.push(`${one}:${port}`);
    }
    return found;
  };
  const dig = async (as: readonly string[]) =>
    (await tryTo([...as, "dig", "+short", "+time=1", "+tries=1", `@${gateway}`, "allowed.test"]))
      .code;
  const outside = ["ip", "netns", "exec", "internet"];
  const lan = [...outside, "ip", "route", "replace", "10.201.23.0/24", "via", "80.0.2.2"];
  for (const state of ["with its rules", "after a flush"]) {
    await t.step(state, async () => {
      if (state !== "with its rules") await run(["nft", "flush", "ruleset"]);
      assert.deepEqual(await reached([]), [`${address}:8000`]);
      assert.notEqual(await dig([]), 0);
      assert.deepEqual(await reached(nobody), []);
      assert.notEqual(await dig(nobody), 0);
      await run(lan);
      assert.deepEqual(await reached(outside), []);
      assert.notEqual(await dig(outside), 0);
      await run([...outside, "ip", "route", "delete", "10.201.23.0/24"]);
    });
  }
  await run(["pkill", "-f", "^nc -lk -p 8000"], { accept: "any" });
  await listening;
});

Deno.test("dnsmasq and the inspector run in the namespace, as their own users, and cannot leave it", async () => {
  await using slot = await EmptySlot.make(24);
  await slot.run(`${curl} http://allowed.test/`);
  const inside = await Deno.readLink(`/proc/self/ns/net`);
  const { stdout } = await slot.inside("readlink", "/proc/self/ns/net");
  assert.notEqual(stdout.trim(), inside);
  const found: string[] = [];
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const status = await Deno.readTextFile(`/proc/${name}/status`).catch(() => "");
    const uid = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1]);
    if (uid !== 1879048192 + 24 && uid !== 1879048192 + 64 + 24) continue;
    found.push(/^Name:\s+(\S+)/m.exec(status)?.[1] ?? "");
    assert.equal(await Deno.readLink(`/proc/${name}/ns/net`), stdout.trim());
    const capabilities = Number.parseInt(/^CapEff:\s+(\S+)/m.exec(status)?.[1] ?? "f", 16);
    // None but NET_BIND_SERVICE, NET_ADMIN and NET_RAW: CAP_SYS_ADMIN would let it leave.
    assert.equal(capabilities & ~0x3400, 0);
    assert.equal(/^NoNewPrivs:\s+1/m.test(status) || capabilities === 0, true);
  }
  assert.deepEqual(found.toSorted(), ["dnsmasq", "haproxy"]);
});

Deno.test("what runs in the namespace as the user, as a hypervisor does, sends nothing", async () => {
  await using slot = await EmptySlot.make(25, { mode: "open" });
  await newContacts();
  for (const as of [["setpriv", "--reuid=1000", "--clear-groups"], []]) {
    for (
      const [address, port] of [["80.0.113.11", "80"], ["80.0.2.2", "22"], ["10.201.25.2", "22"]]
    ) {
      const { code } = await slot.inside(...as, "nc", "-z", "-w", "1", address ?? "", port ?? "");
      assert.equal(code, 1);
    }
  }
  assert.deepEqual(await newContacts(), []);
});

Deno.test("the ports of a slot's services clash with nothing of the host's", async () => {
  const ports = [53, 27443, 27080].map((port) => Deno.listen({ hostname: "0.0.0.0", port }));
  try {
    await using slot = await EmptySlot.make(26);
    assert.equal((await slot.run(`${curl} http://allowed.test/`)).stdout, "200");
  } finally {
    for (const listener of ports) listener.close();
  }
});

Deno.test("a guest that plays DHCP server is not heard on the host", async () => {
  await using slot = await EmptySlot.make(27, { mode: "open" });
  const received = async () =>
    Number(await Deno.readTextFile("/sys/class/net/nbx27/statistics/rx_packets"));
  const before = await received();
  await slot.run(
    "for i in 1 2 3 4 5; do echo offer | nc -u -b -w 1 -s 10.201.27.2 -p 67 255.255.255.255 68; done; true",
  );
  assert.equal(await received(), before);
});

Deno.test("and nothing of all that stays", assertNothingLeft);
