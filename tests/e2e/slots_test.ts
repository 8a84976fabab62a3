import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { slotAddresses } from "../../lib/network/policy/addresses.ts";
import { resolverUid } from "../../lib/network/dns/dnsmasq.ts";
import { tapsInDocker } from "../../lib/network/docker.ts";
import { deleteFirewall, loadFirewall, loadRules } from "../../lib/network/join.ts";
import { runInNamespace } from "../../lib/network/namespace/namespace.ts";
import { EmptySlot, host, planOf } from "./support/engine.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

const curl = "curl -sS -m 5 -o /dev/null -w %{http_code}";

Deno.test("64 slots at once: each with its own rules, names and refusals", async () => {
  const slots: EmptySlot[] = [];
  try {
    for (let slot = 0; slot < 64; slot++) {
      // Every second one may reach another name, so that no one's answers are another's.
      const domains = [slot % 2 === 0 ? "allowed.test" : "other.test"];
      slots.push(await EmptySlot.make(slot, { domains, inspect: slot % 8 === 0 }));
    }
    for (const index of [0, 1, 8, 31, 62, 63]) {
      const [mine, foreign] = index % 2 === 0
        ? ["allowed.test", "80.0.113.20"]
        : ["other.test", "80.0.113.10"];
      const slot = slots[index];
      assert.equal((await slot?.run(`${curl} http://${mine}/`))?.stdout, "200", `slot ${index}`);
      assert.equal((await slot?.run(`${curl} http://${foreign}/`))?.code, 7, `slot ${index}`);
      const other = slotAddresses((index + 1) % 64);
      assert.equal((await slot?.run(`nc -z -w 2 ${other.gateway} 53`))?.code, 1);
      assert.equal((await slot?.run(`nc -z -w 2 ${other.address} 22`))?.code, 1);
    }
    await slots[63]?.[Symbol.asyncDispose]();
    assert.equal((await slots[62]?.run(`${curl} http://allowed.test/`))?.stdout, "200");
  } finally {
    for (const slot of slots) await slot[Symbol.asyncDispose]();
  }
  await assertNothingLeft();
});

Deno.test("loading rules again leaves the addresses of other slots, and is all or nothing", async () => {
  await using slot = await EmptySlot.make(4);
  assert.equal((await slot.run(`${curl} http://allowed.test/`)).stdout, "200");
  const five = planOf(5);
  await loadFirewall(host, five);
  await assert.rejects(
    loadRules(host, five.slot, `${planOf(5, { mode: "off" }).firewall}nonsense\n`),
  );
  const list = async (number: number) =>
    (await runInNamespace(host, slotAddresses(number), ["nft", "list", "ruleset"])).stdout;
  assert.match(await list(5), /allow4/);
  assert.match(await list(4), /80\.0\.113\.10/);
  await deleteFirewall(host, five.slot);
});

Deno.test("the host's other traffic and rules are untouched, Docker's chain is passed and put back", async () => {
  await run(["iptables", "-N", "DOCKER-USER"]);
  await run(["iptables", "-A", "FORWARD", "-j", "DOCKER-USER"]);
  await run(["iptables", "-P", "FORWARD", "DROP"]);
  await run(["iptables", "-A", "DOCKER-USER", "-s", "192.0.2.99", "-j", "DROP"]);
  const before = (await run(["iptables-save", "-t", "filter"])).stdout;
  {
    await using slot = await EmptySlot.make(9, { mode: "open" });
    const { code, stderr } = await slot.run(`${curl} http://evil.test/`);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await tapsInDocker(host), ["nbx9"]);
  }
  const strip = (text: string) => text.replace(/^#.*$/gm, "").replace(/\[\d+:\d+\]/g, "");
  assert.equal(strip((await run(["iptables-save", "-t", "filter"])).stdout), strip(before));
  await run(["nft", "flush", "ruleset"]);
});

Deno.test("names with a wildcard are only what is under them, and the resolver is not fooled", async () => {
  await using slot = await EmptySlot.make(2, { domains: ["*.allowed.test"] });
  assert.equal((await slot.run(`${curl} http://www.allowed.test/`)).stdout, "200");
  assert.equal((await slot.run(`${curl} http://allowed.test/`)).code, 6);
  assert.equal((await slot.run(`${curl} http://evilallowed.test/`)).code, 6);
});

Deno.test("chosen host ports and private ranges open, by name and address; the rest stays shut", async () => {
  const listeners = [4001, 4002].map((port) => Deno.listen({ hostname: "0.0.0.0", port }));
  try {
    const policy = { allowHost: [4001], allowPrivate: ["10.55.0.0/16"] };
    await using slot = await EmptySlot.make(3, policy);
    assert.equal((await slot.run("nc -z -w 2 host.nixbox.internal 4001")).code, 0);
    assert.equal((await slot.run("nc -z -w 2 host.nixbox.internal 4002")).code, 1);
    assert.equal((await slot.run(`${curl} http://10.55.0.10/`)).stdout, "200");
    assert.equal((await slot.run(`${curl} http://to-private.allowed.test/`)).stdout, "200");
    assert.equal((await slot.run(`${curl} http://192.168.77.10/`)).code, 7);
    assert.notEqual((await slot.run(`${curl} -f http://to-lan.allowed.test/`)).code, 0);
  } finally {
    for (const listener of listeners) listener.close();
  }
});

Deno.test("who routes to a gateway's address from another network reaches neither resolver nor inspector", async () => {
  await using slot = await EmptySlot.make(12);
  assert.equal((await slot.run(`${curl} http://allowed.test/`)).stdout, "200");
  const outside = ["ip", "netns", "exec", "internet"];
  await run([...outside, "ip", "route", "add", "10.201.12.0/30", "via", "80.0.2.2"]);
  for (const port of ["53", "27443", "27080"]) {
    const probe = await run([...outside, "nc", "-z", "-w", "2", "10.201.12.1", port], {
      accept: "any",
    });
    assert.equal(probe.code, 1, port);
  }
  await run([...outside, "ip", "route", "delete", "10.201.12.0/30"]);
});

for (const inspect of [true, false]) {
  const how = inspect ? "inspected" : "by address alone";
  Deno.test(`an address expires when it is not used, and not while it is: ${how}`, async () => {
    await using slot = await EmptySlot.make(13, { inspect }, "3s");
    const used = await slot.run(
      "curl -sSk --rate 60/m -o /dev/null -w '%{num_connects}' 'https://allowed.test/[1-8]'",
    );
    assert.equal(used.stdout, "10000000", used.stderr);
    await new Promise((resolve) => setTimeout(resolve, 4500));
    assert.equal((await slot.run("nc -z -w 2 80.0.113.10 443")).code, 1);
    assert.equal((await slot.run(`${curl} http://allowed.test/`)).stdout, "200");
  });
}

Deno.test("a guest cannot fill the host with logs: they are cut, and what is new stays", async () => {
  await using slot = await EmptySlot.make(6);
  const log = "/run/nixbox/vm/6/dnsmasq.log";
  await Deno.writeTextFile(log, `${"x".repeat(99)}\n`.repeat(45_000), { append: true });
  await new Promise((resolve) => setTimeout(resolve, 2500));
  assert.ok((await Deno.stat(log)).size < 1_000_000);
  assert.equal((await Deno.stat(`${log}.old`)).size, 2_000_000);
  await slot.run(`${curl} http://evil.test/; true`);
  assert.match(await Deno.readTextFile(log), /query\[A\] evil\.test/);
});

Deno.test("the inspector runs as nobody's user, sees no files, and is held by the firewall itself", async () => {
  await using slot = await EmptySlot.make(7);
  const [pid] = await host.processes.ownedBy(1879048192 + 7);
  assert.ok(pid !== undefined);
  assert.equal(await Deno.realPath(`/proc/${pid}/root`), "/run/nixbox/vm/7/jail");
  const as = ["setpriv", "--reuid=1879048199", "--regid=1879048199", "--clear-groups"];
  const reach = async (address: string, port: string) =>
    (await slot.inside(...as, "nc", "-z", "-w", "2", address, port)).code;
  assert.equal(await reach("80.0.113.11", "443"), 1);
  assert.equal((await slot.run(`${curl} http://allowed.test/`)).stdout, "200");
  assert.equal(await reach("80.0.113.10", "443"), 0);
  assert.equal(await reach("80.0.113.10", "8080"), 1);
  assert.equal(await reach("10.55.0.10", "80"), 1);
});

Deno.test("after kill -9 of everything, doctor --fix clears all that is nixbox's and nothing else", async () => {
  await using project = await TestProject.make('network.mode = "filtered";');
  await run(["nft", "add", "table", "inet", "foreign"]);
  await run(["iptables", "-N", "DOCKER-USER"]);
  await project.mustUp();
  assert.deepEqual(await tapsInDocker(host), ["nbx0"]);
  await run(["pkill", "-9", "-f", "qemu-system|microvm@|virtiofsd|haproxy|nixbox-watch"]);
  for (const pid of await host.processes.ownedBy(resolverUid({ slot: 0 }))) {
    Deno.kill(pid, "SIGKILL");
  }
  const look = await project.call(["doctor"]);
  assert.match(look.stdout + look.stderr, /the machine box is dead/);
  const fix = await project.call(["doctor", "--fix"]);
  assert.equal(fix.code, 0, fix.stdout + fix.stderr);
  assert.deepEqual(await tapsInDocker(host), []);
  await assertNothingLeft();
  assert.match((await run(["nft", "list", "tables"])).stdout, /inet foreign/);
  await run(["nft", "flush", "ruleset"]);
});

Deno.test("rules, files and Docker's rules without a machine are found and cleared", async () => {
  await using project = await TestProject.make();
  await run(["iptables", "-N", "DOCKER-USER"]);
  const slot = await EmptySlot.make(11);
  await run(["install", "-d", "-m", "1777", "/run/nixbox/slots"]);
  const { stdout, stderr } = await project.call(["doctor"]);
  assert.match(stdout + stderr, /network slot 11 \(nbx11\) has no owner/);
  assert.equal((await project.call(["doctor", "--fix"])).code, 0);
  assert.deepEqual(await tapsInDocker(host), []);
  await slot[Symbol.asyncDispose]();
  await assertNothingLeft();
  await run(["nft", "flush", "ruleset"]);
});
