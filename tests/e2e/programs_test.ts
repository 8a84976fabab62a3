import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { nixboxArgv, TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

/** Every program that nixbox, or a shell of its, may look for by name. */
const names = [
  ...["sudo", "nft", "ip", "dnsmasq", "haproxy", "iptables", "ssh", "ssh-keygen", "nix", "bash"],
  ...["sh", "env", "df", "unshare", "mount", "setpriv", "virtiofsd", "install", "rm", "mv", "cat"],
  ...["kill", "tee", "flock", "find", "diff", "tar", "chroot", "mke2fs", "prlimit", "true", "git"],
  ...[
    "setsid",
    "sleep",
    "stat",
    "tail",
    "awk",
    "sed",
    "touch",
    "mkdir",
    "deno",
    "qemu-system-x86_64",
  ],
];

/** A guest's program: says that it ran, as whom. */
const evil = (name: string) => `#!/bin/sh\\n/usr/bin/id -u >/var/tmp/ran-${name}\\nexit 1\\n`;

const plant = (directory: string) =>
  `mkdir -p ${directory} && cd ${directory} && ` +
  names.map((name) => `printf '${evil(name)}' >${name} && chmod 755 ${name}`).join(" && ");

async function ran(): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of Deno.readDir("/var/tmp")) {
    if (name.startsWith("ran-")) names.push(name);
  }
  return names;
}

const users = [
  { name: "root", before: [] as string[] },
  { name: "an ordinary user", before: ["as-dev"] },
];

for (const { name, before } of users) {
  Deno.test(`no program that a guest wrote runs on the host, wherever PATH of ${name} leads`, async () => {
    const other = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "nixbox-share-" });
    await using project = await TestProject.make(
      `network = { mode = "filtered"; domains = [ "allowed.test" ]; };
       mounts = [ { source = "${other}"; target = "/mnt/other"; } ];
       hooks.pre-down = [ "touch made-by-hook" ];
       env.VALUE.command = [ "echo" "value" ];`,
      "box",
      [...before, ...nixboxArgv()],
    );
    if (before.length > 0) await run(["chown", "-R", "dev:dev", project.directory, other]);
    const directory = project.directory;
    const path = [
      ...["", ".", ".venv/bin", "node_modules/.bin", `${directory}/bin`, `${directory}/links`],
      ...[`${other}/bin`, `${directory}/../box/bin`],
    ].join(":");
    const call = (words: string[], cwd = directory) =>
      run([
        ...[...before, "/bin/sh", "-c", 'PATH=$0:$PATH exec "$@"', path],
        ...["/usr/local/bin/deno", ...nixboxArgv().slice(1), ...words],
      ], { cwd, accept: "any", timeoutMs: 120_000 });
    assert.equal((await call(["trust", "--yes"])).code, 0);
    const up = await call(["up", "--runner", "/lab/runner"]);
    assert.equal(up.code, 0, up.stderr);
    const workspace = "/home/dev/workspace";
    for (const at of [".", ".venv/bin", "node_modules/.bin", "bin"]) {
      const { code, stderr } = await call(["run", plant(`${workspace}/${at}`)]);
      assert.equal(code, 0, stderr);
    }
    assert.equal((await call(["run", plant("/mnt/other/bin")])).code, 0);
    assert.equal((await call(["run", `ln -s /mnt/other/bin ${workspace}/dangling`])).code, 0);
    await call([
      "run",
      `cd ${workspace} && mkdir links && for f in bin/*; do ln -s ../$f links/; done`,
    ]);
    // A file by the name of a hook's word may be what the hook runs: it is asked for.
    assert.equal((await call(["config"])).code, 1);
    assert.equal((await call(["trust", "--yes"])).code, 0);
    const commands = [
      ...[["status"], ["run", "--", "true"], ["network", "status"], ["network", "log"], ["logs"]],
      ...[["network", "allow", "evil.test"]],
      ...[["config"], ["plugins"], ["doctor", "--fix"]],
      ...[["mount", "/usr/share/doc:/mnt/doc:ro"], ["unmount", "/mnt/doc"]],
      ...[["up", "--dry-run", "--runner", "/lab/runner"], ["ssh-config"]],
    ];
    for (const words of commands) {
      const { code, stderr, stdout } = await call(words);
      assert.equal(code, 0, `${words.join(" ")}: ${stdout}${stderr}`);
      assert.deepEqual(await ran(), [], words.join(" "));
    }
    // What they do is tested elsewhere, as root: a kernel was seen to refuse users their tmpfs.
    const confined = [
      ...[["cp", "/etc/hostname", "vm:/tmp/"], ["cp", "vm:/etc/hostname", "/var/tmp/hostname"]],
      ...[["mount", "/usr/share/doc:/mnt/doc:ro", "--via", "sshfs"], ["unmount", "/mnt/doc"]],
    ];
    for (const words of confined) {
      const { code, stderr } = await call(words);
      if (before.length === 0) assert.equal(code, 0, `${words.join(" ")}: ${stderr}`);
      assert.deepEqual(await ran(), [], words.join(" "));
    }
    const down = await call(["down"]);
    assert.equal(down.code, 0, down.stderr);
    assert.deepEqual(await ran(), []);
    // The machine has gone, and what its guest wrote is still there: from another project's directory.
    await using second = await TestProject.make("", "second");
    if (before.length > 0) await run(["chown", "-R", "dev:dev", second.directory]);
    assert.equal((await call(["trust", "--yes"], second.directory)).code, 0);
    const again = await call(["up", "--runner", "/lab/runner"], second.directory);
    assert.equal(again.code, 0, again.stderr);
    assert.equal((await call(["down"], second.directory)).code, 0);
    assert.deepEqual(await ran(), []);
    await Deno.remove(other, { recursive: true });
    await assertNothingLeft();
  });
}

Deno.test("a program of root's that another user could change is refused by name, and nothing is made", async () => {
  await using project = await TestProject.make();
  await Deno.chmod("/usr/sbin/nft", 0o775);
  try {
    const { code, stderr } = await project.up();
    assert.equal(code, 1);
    assert.match(stderr, /this host lacks nft/);
    assert.match(stderr, /\/usr\/sbin\/nft is not run: .* may be written by its group/);
    const { stdout } = await project.call(["doctor"]);
    assert.match(
      stdout,
      /\/usr\/sbin\/nft is not run: \/usr\/sbin\/nft may be written by its group/,
    );
  } finally {
    await Deno.chmod("/usr/sbin/nft", 0o755);
  }
  await assertNothingLeft();
});
