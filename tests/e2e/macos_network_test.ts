/** The networks of macOS, on Linux: nixbox' own half is real, vfkit is a stand-in. */
import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { makeRepository, startSshd } from "./support/internet.ts";
import { onMac, TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

const filtered = `
  network.mode = "filtered";
  network.domains = [ "allowed.test" ];
  network.ports = [ 80 443 22 ];
  env.MESSAGE = "it's here";
`;

/** Runs tests/lab/guest/attack.py in the guest, as root: what became of each attack. */
async function attack(
  project: TestProject,
  attacks: readonly Readonly<Record<string, unknown>>[],
): Promise<readonly { readonly outcome: string; readonly detail: string }[]> {
  const { code, stdout, stderr } = await project.call(
    ["run", "--", "sudo", "python3", "/run/lab/attack.py"],
    { stdin: JSON.stringify(attacks) },
  );
  assert.equal(code, 0, stderr);
  return stdout.trim().split("\n").map((line) => JSON.parse(line));
}

const proxy = "127.0.0.1";
const ask = (...texts: string[]) => ({
  kind: "http",
  address: proxy,
  port: 3128,
  texts,
  wait: 30,
});
const connect = (place: string) => `CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n\r\n`;
const get = (address: string, ...fields: string[]) =>
  [`GET ${address} HTTP/1.1`, ...fields, "", ""].join("\r\n");

const ways: readonly (readonly [what: string, does: Readonly<Record<string, unknown>>])[] = [
  ["a hard-coded address", { kind: "tcp", address: "80.0.113.11", port: 443 }],
  ["an allowed name's address", { kind: "tcp", address: "80.0.113.10", port: 443 }],
  ["this host", { kind: "tcp", address: "80.0.2.2", port: 22 }],
  ["UDP", { kind: "udp", address: "80.0.113.11", port: 443 }],
  ["a foreign resolver", { kind: "dns", name: "evil.test", server: "80.0.113.53" }],
  ["ICMP", { kind: "ping", address: "80.0.113.10" }],
  ["cloud metadata", { kind: "tcp", address: "169.254.169.254", port: 80 }],
  ["a tunnel to another name", ask(connect("evil.test:443"))],
  ["a tunnel to a name that looks alike", ask(connect("evilallowed.test:443"))],
  ["a tunnel to an address", ask(connect("80.0.113.11:443"))],
  ["a tunnel to an allowed name's address", ask(connect("80.0.113.10:443"))],
  ["a tunnel to a number", ask(connect("1342206219:443"))],
  ["a tunnel to another port", ask(connect("allowed.test:8080"))],
  ["a tunnel to the host's loopback", ask(connect("localhost:22"))],
  ["a tunnel to the host by its name", ask(connect("host.nixbox.internal:22"))],
  ["a request for another name", ask(get("http://evil.test/", "Host: evil.test"))],
  [
    "a request for another name behind an allowed one",
    ask(get("http://allowed.test/", "Host: evil.test")),
  ],
  ["a request for an address", ask(get("http://80.0.113.11/"))],
  [
    "a second request on an allowed connection",
    ask(get("http://allowed.test/"), get("http://evil.test/")),
  ],
  ["a name with a NUL", ask(connect("allowed.test\0.evil.test:443"))],
  ["a path alone", ask(get("/", "Host: evil.test"))],
  ...["metadata", "gateway", "machine", "private", "lan", "loopback", "host"].map((place) =>
    [
      `an allowed name that leads to a private place: ${place}`,
      ask(connect(`to-${place}.allowed.test:443`)),
    ] as const
  ),
];

Deno.test("macOS, filtered: what the config allows is reached by the proxy, and nothing else is", async (t) => {
  await using project = await TestProject.make(filtered, "box", onMac);
  const up = await project.up("runner-vfkit");
  assert.equal(up.code, 0, up.stderr);
  const inGuest = async (line: string) => await project.run(line);

  await t.step("there is no network card", async () => {
    const { stdout } = await inGuest("ls /sys/class/net");
    assert.equal(stdout.trim(), "lo");
  });
  await t.step("programs find the proxy, and env stays what it was", async () => {
    const { stdout } = await inGuest('printf "%s\n" "$https_proxy" "$NO_PROXY" "$MESSAGE"');
    assert.equal(stdout, "http://127.0.0.1:3128\nlocalhost,127.0.0.1,::1\nit's here\n");
  });
  await t.step("an allowed name is reached by HTTP and HTTPS, at the first try", async () => {
    for (
      const address of [
        "http://allowed.test/",
        "https://allowed.test/",
        "https://www.allowed.test/",
      ]
    ) {
      const { code, stdout, stderr } = await inGuest(`curl -skS ${address}`);
      assert.equal(code, 0, `${address}: ${stderr}`);
      assert.match(stdout, /"name":"(www\.)?allowed\.test"/);
    }
  });
  await t.step("git goes by the proxy, over HTTPS and over SSH", async () => {
    await makeRepository();
    await startSshd();
    const clone = "git -c http.sslVerify=false clone -q https://allowed.test/repo.git /tmp/clone";
    assert.equal((await inGuest(`${clone} && cat /tmp/clone/file`)).stdout, "content\n");
    // As nix/guest/proxy.nix has it for every SSH client.
    const via = "-o 'ProxyCommand=socat - PROXY:127.0.0.1:%h:%p,proxyport=3128'";
    const { stderr } = await inGuest(`ssh -o BatchMode=yes ${via} git@allowed.test`);
    assert.match(stderr, /Host key verification failed/);
  });
  await t.step("large downloads and uploads are whole", async () => {
    const down = "curl -skS https://allowed.test/bytes/20000000 | wc -c";
    const up = "head -c 20000000 /dev/zero | curl -sS -T - http://allowed.test/count";
    assert.equal((await inGuest(down)).stdout, "20000000\n");
    assert.equal((await inGuest(up)).stdout, "20000000\n");
  });
  await t.step("root in the guest finds no other way", async () => {
    const outcomes = await attack(project, ways.map(([, does]) => does));
    for (const [index, [what]] of ways.entries()) {
      const { outcome, detail } = outcomes[index] ?? {};
      assert.equal(outcome, "refused", `${what}: ${detail}`);
    }
  });
  await t.step("TLS in a tunnel must be for the tunnel's name", async () => {
    const say = (name: string) =>
      inGuest(
        `echo | timeout 20 openssl s_client -proxy 127.0.0.1:3128 -connect allowed.test:443 -servername ${name} 2>&1 | grep -c "BEGIN CERTIFICATE"`,
      );
    assert.equal((await say("allowed.test")).stdout, "1\n");
    assert.equal((await say("evil.test")).stdout, "0\n");
  });
  await t.step("what was refused is listed, with what would allow it", async () => {
    const { stdout } = await project.call(["network", "log", "--json"]);
    const refusals: { asked: string; reason: string; allow?: string }[] = stdout.trim().split("\n")
      .map((line) => JSON.parse(line));
    const find = (asked: string) => refusals.find((refusal) => refusal.asked === asked);
    assert.equal(find("evil.test:443")?.allow, 'network.domains = [ "evil.test" ];');
    assert.equal(find("allowed.test:8080")?.allow, "network.ports = [ 8080 ];");
    assert.match(find("80.0.113.11:443")?.reason ?? "", /only names pass/);
    assert.match(find("allowed.test:443")?.reason ?? "", /for another name, evil\.test/);
  });
  await t.step("a name is allowed at once, and taken away with its connections", async () => {
    assert.equal((await project.call(["network", "allow", "evil.test"])).code, 0);
    assert.equal((await inGuest("curl -skS https://evil.test/")).code, 0);
    // It says nothing more, and would stay.
    const held = project.run(
      `exec 3<>/dev/tcp/127.0.0.1/3128; printf 'CONNECT evil.test:443 HTTP/1.1\\r\\n\\r\\n' >&3; head -c 39 <&3; cat <&3 >/dev/null; echo ended`,
    );
    await until(async () => (await proxyConnections(project)) > 0);
    assert.equal((await project.call(["network", "deny", "evil.test"])).code, 0);
    assert.match((await held).stdout, /200 Connection established[^]*ended\n$/);
    assert.notEqual((await inGuest("curl -skS https://evil.test/")).code, 0);
  });
  await t.step("without its proxy nothing gets out, and network status says so", async () => {
    assert.equal((await project.call(["network", "status"])).code, 0);
    await run(["pkill", "-9", "-f", "internal-proxy"]);
    assert.notEqual((await inGuest("curl -skS https://allowed.test/")).code, 0);
    const status = await project.call(["network", "status"]);
    assert.equal(status.code, 1);
    assert.match(status.stderr, /proxy ended/);
  });
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});

/** How many connections the proxy serves now: its own Unix socket's, but the one that listens. */
async function proxyConnections(project: TestProject): Promise<number> {
  const { stdout } = await project.call(["status", "--json"]);
  const id: string = JSON.parse(stdout).machines[0].id;
  const sockets = await Deno.readTextFile("/proc/net/unix");
  return sockets.split("\n").filter((line) => line.includes(`${id}/proxy.sock`)).length - 1;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("it did not come to that within 30 s");
}

Deno.test("macOS: the proxy ends with its machine, however that ends", async () => {
  await using project = await TestProject.make(filtered, "box", onMac);
  assert.equal((await project.up("runner-vfkit")).code, 0);
  const running = async () =>
    (await run(["pgrep", "-f", "internal-proxy"], { accept: [1] })).stdout !== "";
  assert.ok(await running());
  await run(["pkill", "-9", "-f", "stand_in/vfkit/main.ts"]);
  await until(async () => !await running());
  const { stdout } = await project.call(["status"]);
  assert.match(stdout, /dead/);
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});

Deno.test("macOS, open: a card on the OS' own network, whose lease tells the address", async (t) => {
  await using project = await TestProject.make('network.dns = [ "80.0.2.1" ];', "box", onMac);
  const up = await project.up("runner-vfkit");
  assert.equal(up.code, 0, up.stderr);
  const machine = async () =>
    JSON.parse((await project.call(["status", "--json"])).stdout).machines[0];
  await t.step("status tells the address that the lease gives, or the neighbours", async () => {
    assert.equal((await machine()).address, "192.168.64.3");
    const leases = await Deno.readTextFile("/var/db/dhcpd_leases");
    const mac = /hw_address=1,(\S+)/.exec(leases)?.[1] ?? "";
    await Deno.writeTextFile("/var/db/dhcpd_leases", leases.replace(/lease=\S+/, "lease=0x1"));
    assert.equal((await machine()).address, undefined);
    await Deno.writeTextFile(
      "/tmp/arp",
      `? (192.168.64.9) at ${mac} on bridge100 ifscope [bridge]\n`,
    );
    const env = { NIXBOX_STAND_IN_ARP: "/tmp/arp" };
    const { stdout } = await project.call(["status"], { env });
    assert.match(stdout, /192\.168\.64\.9/);
  });
  await t.step("the guest has no proxy, and the resolvers of the config", async () => {
    const { stdout } = await project.run(
      'echo "proxy:$https_proxy"; ls /run/nixbox/proxy.env 2>&1; cat /run/systemd/resolved.conf.d/50-nixbox.conf; cat /sys/class/net/eth0/address',
    );
    assert.match(stdout, /^proxy:\n.*No such file[^]*DNS=80\.0\.2\.1\nDomains=~\.\n02:/);
  });
  await t.step("there is nothing to allow", async () => {
    const { code, stderr } = await project.call(["network", "allow", "evil.test"]);
    assert.equal(code, 1);
    assert.match(stderr, /it may reach every name/);
  });
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});
