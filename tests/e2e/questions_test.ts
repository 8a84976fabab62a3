import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { readRefusedSets } from "../../lib/network/rules/refused_sets.ts";
import { slotAddresses } from "../../lib/network/policy/addresses.ts";
import { EmptySlot, host } from "./support/engine.ts";

/** Sends questions as fast as they go for some seconds; prints how many. */
function ask(name: string, seconds: number, over: "udp" | "tcp" | "tls"): string {
  return `timeout ${seconds + 5} python3 -c '
import socket, ssl, struct, time
end, number = time.time() + ${seconds}, 0
def question(name):
    labels = b"".join(bytes([len(part)]) + part for part in name.encode().split(b"."))
    return struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\\0" + struct.pack(">HH", 1, 1)
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); udp.connect(("GATEWAY", 53)); udp.setblocking(False)
while time.time() < end:
    number += 1
    name = "${name}".replace("N", "%08d" % number)
    try:
        if "${over}" == "udp": udp.send(question(name))
        else:
            with socket.create_connection(("GATEWAY", 53) if "${over}" == "tcp" else ("80.0.113.10", 443), 0.3) as tcp:
                if "${over}" == "tcp":
                    data = question(name); tcp.send(struct.pack(">H", len(data)) + data); tcp.settimeout(0.1); tcp.recv(10)
                else:
                    ssl._create_unverified_context().wrap_socket(tcp, server_hostname=name).close()
    except OSError: pass
print(number)
'`.replaceAll("GATEWAY", slotAddresses(50).gateway);
}

/** What the name servers of the internet were asked under a name since the last look. */
async function askedOutside(part: string): Promise<string[]> {
  const file = "/lab/internet/dns.log";
  const lines = (await Deno.readTextFile(file)).split("\n");
  await Deno.truncate(file);
  return lines.filter((line) => line.includes("query[") && line.includes(part));
}

async function refusedBy(kind: string): Promise<number> {
  const all = await readRefusedSets(host, slotAddresses(50));
  return all.filter(({ by }) => by === kind).reduce((sum, { count }) => sum + count, 0);
}

const long = `${"x".repeat(60)}.${"y".repeat(40)}`;
const config = { domains: ["allowed.test"] };

for (const over of ["udp", "tcp", "tls"] as const) {
  Deno.test(`filtered: names below an allowed one carry little out: ${over}`, async () => {
    await using slot = await EmptySlot.make(50, config);
    await slot.run("dig +short allowed.test");
    await askedOutside("");
    const seconds = 10;
    const { stdout, stderr } = await slot.run(ask(`N.${long}.allowed.test`, seconds, over));
    assert.ok(Number(stdout) > 100, stdout + stderr);
    const asked = (await askedOutside("xxx")).filter((line) => line.includes("query[A]"));
    // A burst of 500, then 30 a second; dnsmasq asks again what is not answered in time.
    assert.ok(asked.length <= 500 + 30 * (seconds + 3), `${asked.length}`);
    if (over !== "tls") {
      assert.ok(await refusedBy("rate") > 0);
    }
  });
}

Deno.test("filtered: names that are too long are refused, in questions and in connections", async () => {
  await using slot = await EmptySlot.make(50, config);
  await slot.run("dig +short allowed.test");
  await askedOutside("");
  const name = `${"z".repeat(60)}.${"z".repeat(60)}.${"z".repeat(40)}.allowed.test`;
  const dig = await slot.run(`dig +short +time=1 +tries=1 ${name}`);
  assert.notEqual(dig.code, 0);
  await slot.run(`curl -sk -m 3 --connect-to ::80.0.113.10:443 https://${name}/`);
  const log = await Deno.readTextFile("/run/nixbox/vm/50/inspector.log");
  assert.match(log, /zzz\.allowed\.test\t80\.0\.113\.10\tlong/);
  assert.deepEqual(await askedOutside("zzz"), []);
  assert.equal(await refusedBy("length"), 1);
});

Deno.test("filtered: so many bytes of questions pass in a day, and no more; the log tells", async () => {
  await using slot = await EmptySlot.make(50, config);
  const { namespace, table } = slotAddresses(50);
  // A day's worth has been asked but for a little: the quota as the kernel keeps it.
  await run(["nsenter", `--net=/run/netns/${namespace}`, "nft", "-f", "-"], {
    stdin: `add element inet ${table} asked_today { ${
      slotAddresses(50).address
    } quota over 16 mbytes used 16776900 bytes }\n`,
  });
  assert.equal((await slot.run("dig +short +tries=1 allowed.test")).stdout, "80.0.113.10\n");
  const after = await slot.run(
    "for i in 1 2 3 4 5; do dig +short +time=1 +tries=1 allowed.test; done",
  );
  assert.notEqual(after.code, 0);
  assert.ok(await refusedBy("quota") > 0);
});

Deno.test("a burst of questions, as a build makes it, is answered", async () => {
  await using slot = await EmptySlot.make(50, config);
  const { stdout } = await slot.run(
    "seq -f 'n%g.many.allowed.test' 200 | xargs -P 20 -n 1 dig +short | wc -l",
  );
  assert.equal(stdout.trim(), "200");
});
