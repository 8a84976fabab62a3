import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { EmptySlot } from "./support/engine.ts";

const outside = ["ip", "netns", "exec", "internet"];
const request = "curl -sSk -m 12 -o /dev/null -w %{http_code}";
const both = [["http", "80"], ["https", "443"]] as const;

Deno.test("filtered: where one address of several is dead the next one is taken, every time", async (t) => {
  for (const [scheme, port] of both) {
    for (const first of ["half", "half-last", "mute", "mute-last"]) {
      const name = `${first}.allowed.test`;
      await t.step(`${scheme} to ${name}`, async () => {
        await using slot = await EmptySlot.make(40);
        // The guest asks by what it takes for the address: the inspector goes where the name leads.
        const one =
          `${request} --connect-to ${name}:${port}:80.0.113.10:${port} ${scheme}://${name}/`;
        await slot.run(`dig +short ${name}`);
        const { stdout, stderr } = await slot.run(`for i in $(seq 20); do ${one}; done`);
        assert.equal(stdout, "200".repeat(20), stderr);
      });
    }
  }
});

Deno.test("filtered: a name of which no address answers is told as such", async () => {
  await using slot = await EmptySlot.make(41);
  await slot.run("dig +short dead.allowed.test");
  const { stdout } = await slot.run(
    "curl -sS -m 20 --connect-to ::80.0.113.98:80 http://dead.allowed.test/",
  );
  assert.match(stdout, /nixbox: dead\.allowed\.test has no address that answers/);
  const log = await Deno.readTextFile("/run/nixbox/vm/41/inspector.log");
  assert.match(log, /\thttp\tdead\.allowed\.test\t80\.0\.113\.98\tunreachable/);
});

Deno.test("a name of very many addresses is resolved whole, by TCP, and reached", async (t) => {
  await run([...outside, "ip", "route", "add", "local", "80.0.120.0/24", "dev", "lo"]);
  await run([...outside, "nft", "-f", "-"], {
    stdin: `table ip crowd {
  chain arriving { type nat hook prerouting priority dstnat; ip daddr 80.0.120.0/24 dnat to 80.0.113.10
  }
}
`,
  });
  try {
    for (const mode of ["open", "filtered"] as const) {
      await t.step(mode, async () => {
        await using slot = await EmptySlot.make(42, { mode });
        const all = await slot.run("dig +short crowd.allowed.test | wc -l");
        assert.equal(all.stdout.trim(), "120");
        const cut = await slot.run("dig +ignore crowd.allowed.test | grep -c 'flags:.* tc'");
        assert.equal(cut.stdout.trim(), "1");
        for (const [scheme] of both) {
          const { stdout, stderr } = await slot.run(
            `for i in 1 2 3 4 5; do ${request} ${scheme}://crowd.allowed.test/; done`,
          );
          assert.equal(stdout, "200".repeat(5), stderr);
        }
      });
    }
  } finally {
    await run([...outside, "nft", "delete", "table", "ip", "crowd"]);
    await run([...outside, "ip", "route", "delete", "local", "80.0.120.0/24", "dev", "lo"]);
  }
});

Deno.test("filtered: an address that the answer of TCP allowed is allowed before it arrives", async () => {
  await using slot = await EmptySlot.make(43, { inspect: false });
  const { stdout } = await slot.run(
    "for i in $(seq 60); do a=$(dig +tcp +short n$i.many.allowed.test); " +
      "nc -z -w 1 $a 443 && echo ok; done | wc -l",
  );
  assert.equal(stdout.trim(), "60");
});

Deno.test("filtered: of 100 names that were never asked for, each is reached at the first try", async () => {
  await using slot = await EmptySlot.make(44);
  const { stdout, stderr } = await slot.run(
    `for i in $(seq 100); do ${request} https://n$i.many.allowed.test/; done`,
  );
  assert.equal(stdout, "200".repeat(100), stderr);
});
