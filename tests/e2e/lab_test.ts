import { equal, match, ok } from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { cpioArchive } from "../lab/cpio.ts";
import { names } from "../lab/internet/names.ts";
import { bootByHand } from "./support/guest_by_hand.ts";

const plainDisk = "/lab/guest/plain.ext4";
const systemdDisk = "/lab/guest/systemd.ext4";

const mountInUserNamespace = [
  ...["unshare", "--user", "--map-root-user", "--mount"],
  ...["mount", "-t", "tmpfs", "none", "/mnt"],
];

for (const user of ["root", "dev"]) {
  const become = user === "dev" ? ["as-dev"] : [];

  Deno.test(`lab: ${user} can mount in a user namespace`, async () => {
    await run([...become, ...mountInUserNamespace]);
  });

  Deno.test(`lab: ${user} builds with nix, offline`, async () => {
    const expression = `derivation {
      name = "of-${user}"; system = "x86_64-linux"; builder = "/bin/sh";
      args = [ "-c" "echo made by ${user} > $out" ];
    }`;
    const build = ["nix", "build", "--impure", "--no-link", "--print-out-paths"];
    const { stdout } = await run([...become, ...build, "--expr", expression]);
    equal(await Deno.readTextFile(stdout.trim()), `made by ${user}\n`);
  });
}

Deno.test("lab: dev is an ordinary user who may become root by sudo", async () => {
  const { stdout } = await run(["as-dev", "sh", "-c", "id -u; sudo -n id -u"]);
  equal(stdout, "1000\n0\n");
});

Deno.test("lab: dev has a private runtime directory and a writable Deno cache", async () => {
  const script = 'stat -c "%a %u" "$XDG_RUNTIME_DIR" && touch "$DENO_DIR/of-dev"';
  const { stdout } = await run(["as-dev", "sh", "-c", script]);
  equal(stdout, "700 1000\n");
});

Deno.test("lab: every name leads to its web server, which sees the machine under test", async () => {
  for (const { name, address } of names) {
    const answer = await (await fetch(`http://${name}/some/path`)).text();
    const expected = { name, address, path: "/some/path", client: "80.0.2.2" };
    equal(answer, `${JSON.stringify(expected)}\n`);
  }
});

Deno.test("lab: a name that is not in the table does not exist", async () => {
  const { stdout } = await run(["dig", "+tries=1", "+time=5", "elsewhere.example"]);
  match(stdout, /status: NXDOMAIN/);
});

Deno.test("lab: the closed internet has no way out", async () => {
  const { stdout } = await run(["ip", "-netns", "internet", "route"]);
  match(stdout, /^80\.0\.2\.0\/24 dev lab0 [^\n]*\n192\.168\.77\.0\/24 dev lan0 [^\n]*\n$/);
  const { stdout: links } = await run(["ip", "-netns", "internet", "-brief", "link"]);
  equal(links.trim().split("\n").length, 3, links);
});

Deno.test("lab: the machine under test forwards nothing and has no firewall yet", async () => {
  equal((await Deno.readTextFile("/proc/sys/net/ipv4/ip_forward")).trim(), "0");
  equal((await run(["nft", "list", "ruleset"])).stdout, "");
});

Deno.test("lab: nft, iptables and taps work", async () => {
  await run(["nft", "-f", "-"], {
    stdin: "table inet lab_try {\n}\n",
  });
  await run(["nft", "delete", "table", "inet", "lab_try"]);
  await run(["iptables", "-A", "FORWARD", "-j", "ACCEPT"]);
  await run(["iptables", "-D", "FORWARD", "-j", "ACCEPT"]);
  await run(["ip", "tuntap", "add", "labtry", "mode", "tap", "multi_queue"]);
  await run(["ip", "link", "delete", "labtry"]);
  await run(["nft", "flush", "ruleset"]);
});

Deno.test("lab: an orphan that ends is reaped by process 1", async () => {
  const orphan = "(setsid sh -c 'echo $$ >/tmp/orphan; exec true' &) ; sleep 0.2; cat /tmp/orphan";
  const { stdout } = await run(["sh", "-c", orphan]);
  const { stdout: states } = await run(["ps", "-o", "stat=", "-p", stdout.trim()], { accept: [1] });
  equal(states, "");
});

Deno.test("lab: cpio itself unpacks our archives, and the later of two wins", async () => {
  const directory = await Deno.makeTempDir();
  const file = (path: string, text: string, mode: number) => {
    return { path, mode, content: new TextEncoder().encode(text) };
  };
  const first = cpioArchive([file("bin/odd", "12345", 0o755), file("init", "old", 0o644)], ["dev"]);
  const second = cpioArchive([file("init", "new", 0o755)]);
  const unpack = ["cpio", "--extract", "--quiet", "--unconditional", "--directory", directory];
  for (const archive of [first, second]) await run(unpack, { stdin: archive });
  equal(await Deno.readTextFile(`${directory}/bin/odd`), "12345");
  equal(await Deno.readTextFile(`${directory}/init`), "new");
  equal((await Deno.stat(`${directory}/init`)).mode, 0o100755);
  equal((await Deno.stat(`${directory}/dev`)).isDirectory, true);
});

Deno.test("lab: the guest boots in seconds, is provisioned, and goes at the power button", async () => {
  await using guest = await bootByHand({ disk: plainDisk });
  const milliseconds = await guest.untilSshGreets();
  console.log(`sshd listened ${(milliseconds / 1000).toFixed(1)} s after power-on`);
  const look = '. /run/nixbox/env.sh; id -un; id -u; id -g; hostname; echo "$GREETING"; sudo id -u';
  equal((await guest.ssh(look)).stdout, "dev\n1000\n100\nby-hand\nit's $HOME\n0\n");
  await guest.pressPowerButton();
  ok((await guest.ended).success);
});

Deno.test("lab: a guest told to power off answers, ends its sessions and goes", async () => {
  await using guest = await bootByHand({ disk: plainDisk });
  await guest.untilSshGreets();
  equal((await guest.ssh("sudo poweroff")).code, 0);
  ok((await guest.ended).success);
});

Deno.test("lab: the guest with systemd is provisioned before its sshd starts", async () => {
  await using guest = await bootByHand({ disk: systemdDisk });
  const milliseconds = await guest.untilSshGreets();
  console.log(`sshd listened ${(milliseconds / 1000).toFixed(1)} s after power-on`);
  const look = "hostname; systemctl is-active nixbox-provision";
  equal((await guest.ssh(look)).stdout, "by-hand\nactive\n");
  await guest.pressPowerButton();
  ok((await guest.ended).success);
});
