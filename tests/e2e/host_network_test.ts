import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { enableForwarding, restoreForwarding } from "../../lib/network/forwarding.ts";
import { EmptySlot, host } from "./support/engine.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

const curl = "curl -sS -m 3 -o /dev/null -w %{http_code}";
const dig = "dig +short +time=2 +tries=1";
const memory = "/tmp/ip_forward_was";
const forwardSwitch = "/proc/sys/net/ipv4/ip_forward";

/** Sends frames, as fast as it can, from what stands for the guest; Python has raw sockets. */
function flood(frames: string, seconds: number): string {
  return `python3 -c '
import os, socket, struct, time
raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); raw.bind(("eth0", 0))
mac = open("/sys/class/net/eth0/address").read().strip()
me = bytes.fromhex(mac.replace(":", "")); all = b"\\xff" * 6
def checksum(data):
    total = sum(struct.unpack(">%dH" % (len(data) // 2), data))
    return ~((total & 0xffff) + (total >> 16)) & 0xffff
def udp(source, target, sport, dport, body, to=all):
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 28 + len(body), 1, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target))
    head = head[:10] + struct.pack(">H", checksum(head)) + head[12:]
    return to + me + b"\\x08\\0" + head + struct.pack(">HHHH", sport, dport, 8 + len(body), 0) + body
def arp(sender, target, hardware=me):
    return all + me + b"\\x08\\x06\\0\\1\\x08\\0\\6\\4\\0\\1" + hardware + socket.inet_aton(sender) + b"\\0" * 6 + socket.inet_aton(target)
discover = b"\\1\\1\\6\\0" + os.urandom(4) + b"\\0" * 20 + me + b"\\0" * 202 + b"\\x63\\x82\\x53\\x63\\x35\\1\\1\\xff"
frames = ${frames}
end, sent = time.time() + ${seconds}, 0
while time.time() < end:
    for frame in frames:
        try: raw.send(frame); sent += 1
        except OSError: pass
print(sent)
'`;
}

async function count(path: string, prefix: readonly string[] = []): Promise<number> {
  return Number((await run([...prefix, "cat", path])).stdout);
}

Deno.test("floods of DHCP and ARP fill none of the host's tables or logs, and the host's own connections go on", async (t) => {
  for (const mode of ["off", "filtered"] as const) {
    await t.step(mode, async () => {
      await using slot = await EmptySlot.make(30, { mode });
      const connections = "/proc/sys/net/netfilter/nf_conntrack_count";
      const inside = ["nsenter", "--net=/run/netns/nbx30"];
      const log = "/run/nixbox/vm/30/dnsmasq.log";
      const logged = (await Deno.stat(log)).size;
      const dhcp = '[udp("0.0.0.0", "255.255.255.255", 68, 67, discover)] + ' +
        '[udp("10.201.30.%d" % n, "255.255.255.255", 68, 67, discover) for n in range(3, 250)] + ' +
        '[udp("10.0.%d.%d" % (n // 250, n % 250), "10.201.30.1", 68, 67, discover) for n in range(2000)]';
      const arp = '[arp("10.201.%d.%d" % (30, n), "10.201.30.1") for n in range(3, 254)] + ' +
        '[arp("80.0.2.%d" % n, "10.201.30.1", os.urandom(6)) for n in range(3, 254)] + ' +
        '[arp("10.%d.%d.9" % (n // 250, n % 250), "10.201.30.1") for n in range(3000)]';
      const flooding = slot.run(`${flood(dhcp, 3)}; ${flood(arp, 3)}`);
      for (let round = 0; round < 10; round++) {
        const { stdout } = await run(["sh", "-c", `${curl} http://80.0.113.11/`]);
        assert.equal(stdout, "200");
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
      const { stdout: sent, stderr } = await flooding;
      const [first = 0, second = 0] = sent.trim().split("\n").map(Number);
      assert.ok(first > 20_000 && second > 20_000, sent + stderr);
      assert.ok(await count(connections, inside) < 100);
      assert.ok(await count(connections) < 200);
      const { stdout: neighbours } = await run([...inside, "ip", "neighbor", "show"]);
      assert.deepEqual(
        neighbours.trim().split("\n").map((line) => line.split(" ")[0]).toSorted(),
        ["10.201.30.2", "10.201.30.5"],
      );
      assert.ok((await Deno.stat(log)).size - logged < 60_000);
    });
  }
});

Deno.test("the guest's own requests of DHCP and ARP are answered", async () => {
  await using slot = await EmptySlot.make(31, { mode: "off" });
  const frames = '[udp("0.0.0.0", "255.255.255.255", 68, 67, discover)]';
  await slot.run(flood(frames, 0.01));
  const log = await Deno.readTextFile("/run/nixbox/vm/31/dnsmasq.log");
  assert.match(log, /DHCPOFFER\(guest\) 10\.201\.31\.2/);
  assert.equal((await slot.run("ip neigh flush all; nc -z -w 2 10.201.31.1 9; ip neigh")).code, 0);
  assert.match((await slot.run("ip neigh show 10.201.31.1")).stdout, /lladdr/);
});

Deno.test("a host that forwards for its machines is not a router for its neighbours", async () => {
  const outside = ["ip", "netns", "exec", "internet"];
  // From its LAN by way of the host to its other network: a place that answers to both.
  await run([
    ...outside,
    "ip",
    "rule",
    "add",
    "pref",
    "10",
    "from",
    "192.168.77.1",
    "lookup",
    "77",
  ]);
  await run([...outside, "ip", "rule", "add", "pref", "9", "to", "192.168.77.1", "lookup", "78"]);
  await run([...outside, "ip", "route", "add", "default", "via", "192.168.77.2", "table", "77"]);
  const seen = async () => {
    const counter = "/sys/class/net/uplink/statistics/tx_packets";
    const before = await count(counter);
    await run([
      ...outside,
      "ping",
      "-c",
      "3",
      "-i",
      "0.01",
      "-W",
      "1",
      "-I",
      "192.168.77.1",
      "80.0.9.9",
    ], {
      accept: "any",
    });
    return await count(counter) - before;
  };
  try {
    await Deno.writeTextFile(forwardSwitch, "1");
    assert.ok(await seen() >= 3, "a router forwards");
    await Deno.writeTextFile(forwardSwitch, "0");
    await enableForwarding(host, memory);
    assert.equal(await Deno.readTextFile(forwardSwitch), "1\n");
    assert.equal(await seen(), 0);
    await restoreForwarding(host, memory);
    assert.equal(await Deno.readTextFile(forwardSwitch), "0\n");
  } finally {
    for (const pref of ["9", "10"]) await run([...outside, "ip", "rule", "delete", "pref", pref]);
  }
  await assertNothingLeft();
});

Deno.test("who comes to forward meanwhile passes, and keeps forwarding when the last machine goes", async () => {
  const container = ["ip", "netns", "exec", "container"];
  await enableForwarding(host, memory);
  await run(["ip", "netns", "add", "container"]);
  try {
    await run(["ip", "-batch", "-"], {
      stdin: `link add docker0 type bridge
address add 172.17.0.1/16 dev docker0
link set docker0 up
link add veth1 type veth peer name eth0 netns container
link set veth1 master docker0 up
`,
    });
    await run(["ip", "-netns", "container", "-batch", "-"], {
      stdin: `address add 172.17.0.2/16 dev eth0
link set eth0 up
route add default via 172.17.0.1
`,
    });
    await run([
      "iptables",
      "-t",
      "nat",
      "-A",
      "POSTROUTING",
      "-s",
      "172.17.0.0/16",
      "-j",
      "MASQUERADE",
    ]);
    const request = async () =>
      (await run([...container, "sh", "-c", `${curl} http://80.0.113.10/`], { accept: "any" }))
        .stdout;
    assert.equal(await request(), "200");
    await restoreForwarding(host, memory);
    assert.equal(await Deno.readTextFile(forwardSwitch), "1\n");
    assert.equal(await request(), "200");
  } finally {
    await run(["ip", "link", "delete", "docker0"]);
    await run(["ip", "netns", "delete", "container"]);
    await run(["iptables", "-t", "nat", "-F"]);
    await Deno.writeTextFile(forwardSwitch, "0");
  }
});

Deno.test("open: names lead into no private place, and nobody is asked who has a private address", async () => {
  await using slot = await EmptySlot.make(32, { mode: "open" });
  assert.equal((await slot.run(`${dig} allowed.test`)).stdout, "80.0.113.10\n");
  for (const place of ["metadata", "gateway", "machine", "private", "lan", "loopback"]) {
    assert.equal((await slot.run(`${dig} to-${place}.allowed.test`)).stdout, "", place);
  }
  await slot.run(`${dig} -x 10.55.0.10; ${dig} -x 192.168.77.10; ${dig} -x 80.0.113.10`);
  const asked = await Deno.readTextFile("/lab/internet/dns.log");
  assert.match(asked, /10\.113\.0\.80\.in-addr\.arpa/);
  assert.doesNotMatch(asked, /10\.0\.55\.10\.in-addr|10\.77\.168\.192\.in-addr/);
});

Deno.test("the host's resolvers and addresses change: status names the command that follows them", async () => {
  await using project = await TestProject.make(
    'network = { mode = "filtered"; domains = [ "allowed.test" ]; };',
  );
  await project.mustUp();
  const ask = async () => (await project.run(`${curl} http://allowed.test/`)).stdout;
  const status = async () => await project.call(["network", "status"]);
  const own = await Deno.readTextFile("/etc/resolv.conf");
  try {
    assert.equal(await ask(), "200");
    assert.equal((await status()).code, 0);
    // Another network, with another resolver.
    await Deno.writeTextFile("/etc/resolv.conf", "nameserver 80.0.113.53\n");
    await run(["ip", "address", "add", "80.0.78.1/24", "dev", "uplink"]);
    const changed = await status();
    assert.equal(changed.code, 1);
    assert.match(
      changed.stderr,
      /asks other resolvers now than the machine: `nixbox network refresh`/,
    );
    assert.match(changed.stderr, /other addresses or networks now/);
    assert.match((await project.call(["network", "log"])).stderr, /nixbox network refresh/);
    assert.equal((await project.call(["network", "refresh"])).code, 0);
    assert.equal((await status()).code, 0);
    assert.match((await status()).stdout, /resolved, by 80\.0\.113\.53/);
    assert.equal(await ask(), "200");
    const servers = await Deno.readTextFile("/run/nixbox/vm/0/servers.conf");
    assert.match(servers, /80\.0\.113\.53/);
    assert.doesNotMatch(servers, /80\.0\.2\.1/);
  } finally {
    await Deno.writeTextFile("/etc/resolv.conf", own);
    await run(["ip", "address", "delete", "80.0.78.1/24", "dev", "uplink"], { accept: "any" });
  }
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});

Deno.test("machines keep out of the host's own networks, and take the range that /etc/nixbox says", async () => {
  const project = await TestProject.make('network.mode = "open";');
  const address = async () => {
    await project.mustUp();
    const { machines } = JSON.parse((await project.call(["status", "--json"])).stdout);
    assert.equal((await project.run(`${curl} http://allowed.test/`)).stdout, "200");
    assert.equal((await project.call(["network", "status"])).code, 0);
    assert.equal((await project.down()).code, 0);
    return machines[0].address;
  };
  await run(["ip", "address", "add", "10.201.9.1/24", "dev", "lan"]);
  try {
    assert.equal(await address(), "10.202.0.2");
    await Deno.mkdir("/etc/nixbox");
    await Deno.writeTextFile("/etc/nixbox/range", "172.22.0.0/16\n");
    assert.equal(await address(), "172.22.0.2");
    await Deno.writeTextFile("/etc/nixbox/range", "8.8.0.0/16\n");
    const refused = await project.up();
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /"8\.8\.0\.0\/16" is not a range for machines/);
  } finally {
    await Deno.remove("/etc/nixbox", { recursive: true });
    await run(["ip", "address", "delete", "10.201.9.1/24", "dev", "lan"]);
    await project[Symbol.asyncDispose]();
  }
  await assertNothingLeft();
});
