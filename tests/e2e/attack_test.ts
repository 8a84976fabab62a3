import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { attack, hostServices, isAsExpected, table } from "./support/attacking.ts";
import { type Attack, attacks, below, inHttp, inRetry, inTls } from "./support/attacks.ts";
import { changeAnswer, newContacts } from "./support/internet.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

const services = [2375, 5432, 8080];
const filtered =
  'network = { mode = "filtered"; domains = [ "allowed.test" "site.test" "retry.test" "p521.test" ]; };';

/** Runs attacks, shows the table, and fails with the rows that are not as they must be. */
async function mustHold(project: TestProject, list: readonly Attack[]): Promise<void> {
  const seen = await attack(project, list);
  console.log(table(list, seen));
  const wrong = list.filter((one, index) => {
    const result = seen[index];
    return result === undefined || !isAsExpected(one, result);
  });
  assert.deepEqual(wrong.map(({ name }) => name), []);
}

/** Nothing but the allowed names' web, and those by their own names, was reached. */
function assertOnlyAllowed(contacts: readonly string[]): void {
  for (const line of contacts) {
    const { protocol, name } = JSON.parse(line);
    assert.match(protocol, /^(web|retry)$/, line);
    assert.match(name, /^(.+\.)?(allowed|site|retry)\.test$/, line);
  }
}

const dnsOf = (name: string): Attack => ({
  name: `resolve ${name}`,
  does: { kind: "dns", name, server: "10.201.0.1" },
  expected: "allowed",
});
const stillWorks: readonly Attack[] = [
  dnsOf("allowed.test"),
  ...[...inTls, ...inHttp].filter(({ name }) => / with an allowed name$/.test(name)),
];
const stillHolds = attacks.filter(({ isReachedInOpen }) => isReachedInOpen === true);

Deno.test("filtered: every attack from inside is refused", async (t) => {
  assert.ok(attacks.filter(({ expected }) => expected !== "allowed").length >= 60);
  using _services = hostServices(services);
  await using project = await TestProject.make(filtered);
  await project.mustUp();
  await newContacts();

  await t.step("one after the other", async () => {
    await mustHold(project, attacks);
    assertOnlyAllowed(await newContacts());
  });

  await t.step("and what is allowed still works", () => mustHold(project, stillWorks));

  await t.step("the guest's own firewall is not what holds", async () => {
    await project.run("sudo nft flush ruleset; sudo sysctl -qw net.ipv4.ip_forward=1");
    await mustHold(project, stillHolds);
    assertOnlyAllowed(await newContacts());
  });

  await t.step(
    "a flush of the host's rules opens nothing; status and doctor tell, refresh fixes it",
    async () => {
      await run(["nft", "flush", "ruleset"]);
      await newContacts();
      await mustHold(
        project,
        stillHolds.map((one): Attack =>
          // What resolver and inspector go on with has no way out, which nobody tells them.
          ["dns", "http", "retry"].includes(String(one.does.kind))
            ? { ...one, expected: "unanswered" }
            : one
        ),
      );
      assert.deepEqual(await newContacts(), []);
      const status = await project.call(["network", "status"]);
      assert.equal(status.code, 1);
      assert.match(status.stderr, /rules for it are gone or changed.*`nixbox network refresh`/);
      assert.match(status.stderr, /forwards packets for others, too/);
      const doctor = await project.call(["doctor"]);
      assert.equal(doctor.code, 1);
      assert.match(doctor.stdout, /network of box .*rules for it are gone/);
      const refresh = await project.call(["network", "refresh"]);
      assert.equal(refresh.code, 0, refresh.stderr);
      assert.match(refresh.stdout, /^fixed: this host's rules for it are gone/m);
      assert.equal((await project.call(["network", "status"])).code, 0);
      assert.equal((await project.call(["network", "refresh"])).stdout, "nothing to fix\n");
      await mustHold(project, [...stillWorks, ...stillHolds]);
    },
  );

  await t.step("nor do rules that somebody takes out of the namespace", async () => {
    await run(["nsenter", "--net=/run/netns/nbx0", "nft", "flush", "ruleset"]);
    const away = await project.run("curl -sS -m 3 http://80.0.113.10/");
    assert.notEqual(away.code, 0);
    const status = await project.call(["network", "status"]);
    assert.match(status.stderr, /the rules in its network namespace are not those/);
    assert.doesNotMatch(status.stdout, /names are resolved/);
    assert.equal((await project.call(["network", "refresh"])).code, 0);
    await mustHold(project, [...stillWorks, ...stillHolds]);
  });

  await t.step("a download goes on when its address has left the answers", async () => {
    const download = project.run("curl -sS -m 20 http://allowed.test/slow/40 | wc -c");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await changeAnswer("80.0.113.20 allowed.test");
    assert.equal((await download).stdout, "40\n");
    await changeAnswer("");
  });

  await t.step("the host's network goes and comes back", async () => {
    await run(["ip", "link", "set", "uplink", "down"]);
    const gone = await project.run("curl -sS -m 3 http://allowed.test/");
    assert.notEqual(gone.code, 0);
    await run(["ip", "-batch", "-"], {
      stdin: "link set uplink up\nroute replace default via 80.0.2.1\n",
    });
    await mustHold(project, [...stillWorks, ...stillHolds]);
  });

  await t.step("without dnsmasq nothing gets out", async () => {
    const { stdout } = await run(["pgrep", "-f", "^[^ ]*dnsmasq --conf-file=/run/nixbox"]);
    await run(["kill", "-9", stdout.trim()]);
    // The watch looks once a second.
    await new Promise((resolve) => setTimeout(resolve, 2500));
    await newContacts();
    await mustHold(project, [
      // A port without a program is told by ICMP, which Linux sends once a second.
      ...stillHolds.map((one): Attack =>
        one.does.kind === "dns" ? { ...one, expected: "unanswered" } : one
      ),
      { ...dnsOf("allowed.test"), expected: "unanswered" },
      {
        name: "the address that it had given before",
        does: { kind: "tcp", address: "80.0.113.10", port: 443 },
        expected: "refused",
      },
    ]);
    assert.deepEqual(await newContacts(), []);
  });

  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});

Deno.test("filtered without inspection: addresses hold, names in connections are not looked at", async () => {
  using _services = hostServices(services);
  await using project = await TestProject.make(filtered.replace("mode", "inspect = false; mode"));
  await project.mustUp();
  await newContacts();
  const byNameAlone = new Set([...inTls, ...inRetry, ...inHttp]);
  await mustHold(project, attacks.filter((one) => !byNameAlone.has(one)));
  for (const line of await newContacts()) assert.doesNotMatch(line, /"(tcp|udp)"|evil|neighbour/);
});

Deno.test("off: nothing at all, and commands still run", async () => {
  using _services = hostServices(services);
  await using project = await TestProject.make('network.mode = "off";');
  await project.mustUp();
  await newContacts();
  const tried = attacks.filter(({ does }) => does.kind !== "shell" && does.kind !== "burst");
  const seen = await attack(project, tried);
  console.log(table(tried, seen));
  assert.ok(seen.every(({ outcome }) => outcome === "refused" || outcome === "silent"));
  const slow = seen.filter(({ outcome, milliseconds }) =>
    outcome === "refused" && milliseconds > 1000
  );
  assert.deepEqual(slow, []);
  assert.deepEqual(await newContacts(), []);
  const { stdout } = await project.run("ls -d ~/workspace; ip route show default");
  assert.equal(stdout, "/home/dev/workspace\n");
});

Deno.test("open: the same attacks are attacks, and host, machines and private places are closed", async (t) => {
  using _services = hostServices(services);
  const open = 'network.mode = "open";';
  await t.step("with its ports and ranges opened, each gets through", async () => {
    await using project = await TestProject.make(`network = {
      mode = "open";
      allowHost = [ 2375 5432 8080 ];
      allowPrivate = [
        "10.55.0.0/16" "192.168.77.0/24" "169.254.169.254/32" "168.63.129.16/32" "80.0.2.0/24"
      ];
    };`);
    await project.mustUp();
    const seen = await attack(project, stillHolds);
    console.log(table(stillHolds, seen));
    const held = stillHolds.filter((_, index) => seen[index]?.outcome !== "reached");
    assert.deepEqual(held.map(({ name }) => name), []);
  });
  await t.step("as it comes, the host and what is near it are refused", async () => {
    await using project = await TestProject.make(open);
    await project.mustUp();
    const near = attacks.filter(({ does, expected }) =>
      expected === "refused" && does.kind === "tcp" &&
      /^(10|192\.168|169\.254|168\.63|80\.0\.2)\./.test(String(does.address))
    );
    assert.ok(near.length >= 10);
    await mustHold(project, [...near, ...below.filter(({ does }) => does.form === "ipv6")]);
    const { code } = await project.run("curl -sS -m 5 http://evil.test/ http://80.0.113.11/");
    assert.equal(code, 0);
  });
});
