/** A machine's life on macOS, on Linux: nixbox' own half is real, vfkit and macOS' programs are stand-ins. */
import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { run } from "../../lib/host/process/run.ts";
import { onMac, TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

const directories = "/var/tmp/mac";

/** Makes a directory with one file in it. */
async function directory(name: string, text: string): Promise<string> {
  const path = `${directories}/${name}`;
  await Deno.mkdir(path, { recursive: true });
  await Deno.writeTextFile(`${path}/file`, text);
  return path;
}

Deno.test("macOS: a machine's shares, commands and end", async (t) => {
  const readonly = await directory("readonly", "for reading");
  const odd = await directory("odd, name", "with a comma");
  const more = await directory("more", "later");
  await using project = await TestProject.make(
    `rosetta = true;
     env.TOKEN = "s3cret-on-mac";
     mounts = [
       { source = "${readonly}"; target = "/ro"; readonly = true; }
       { source = "${odd}"; target = "~/odd"; }
     ];
     scripts = [ ./setup.sh ];
     hooks.post-up = [ "env >$NIXBOX_PROJECT/hook.env" ];`,
    "box",
    onMac,
  );
  await Deno.writeTextFile(`${project.directory}/.nixbox/setup.sh`, "cat /ro/file ~/odd/file\n");
  const up = await project.up("runner-vfkit");
  assert.equal(up.code, 0, up.stderr);
  const inGuest = async (line: string) => await project.run(line);

  await t.step("up ran the scripts, after every share was there", () => {
    assert.match(up.stderr, /for readingwith a comma/);
  });
  await t.step("the workspace is shared by the hypervisor, both ways", async () => {
    await Deno.writeTextFile(`${project.directory}/from-host`, "one");
    assert.equal((await inGuest("cat from-host; echo two >from-guest")).stdout, "one");
    assert.equal(await Deno.readTextFile(`${project.directory}/from-guest`), "two\n");
  });
  await t.step("what is read-only stays so, whatever root in the guest does", async () => {
    const tries = [
      "touch /ro/new",
      "sudo touch /ro/new",
      "sudo mount -o remount,rw /ro; sudo touch /ro/new",
      "sudo umount /ro; sudo rm -rf /ro/file; sudo touch /ro/new",
    ];
    for (const line of tries.slice(0, 3)) await inGuest(line);
    assert.deepEqual((await Array.fromAsync(Deno.readDir(readonly))).map(({ name }) => name), [
      "file",
    ]);
    assert.equal((await inGuest("cat /ro/file")).stdout, "for reading");
  });
  await t.step("a path that vfkit cannot take goes over SSH, and is written to", async () => {
    assert.equal((await inGuest("cat ~/odd/file; echo new >~/odd/new")).stdout, "with a comma");
    assert.equal(await Deno.readTextFile(`${odd}/new`), "new\n");
  });
  await t.step("shares come and go while it runs, over SSH", async () => {
    assert.equal((await project.call(["mount", `${more}:/more`])).code, 0);
    assert.equal((await inGuest("cat /more/file; sudo ln -s /etc /more/out")).stdout, "later");
    assert.equal((await project.call(["unmount", "/more"])).code, 0);
    assert.notEqual((await inGuest("cat /more/file")).code, 0);
    const device = await project.call(["mount", "--via", "virtiofs", `${more}:/more`]);
    assert.equal(device.code, 2);
    assert.match(device.stderr, /vfkit adds no device[^]*leave --via out/);
  });
  await t.step(
    "a server over SSH sees its one directory, whatever the guest asks it for",
    async () => {
      const link = "ln -sf /etc/hostname ~/odd/link; ln -sfn / ~/odd/root; ";
      const { stdout, code } = await inGuest(
        `${link} sudo cat ~/odd/link ~/odd/root/etc/shadow ~/odd/root/var/tmp/mac/readonly/file`,
      );
      // The guest follows the links itself: to its own files.
      assert.ok(!stdout.includes("for reading"), `${code}`);
    },
  );
  await t.step("cp goes both ways", async () => {
    assert.equal((await project.call(["cp", "from-host", "vm:/tmp/copy"])).code, 0);
    assert.equal((await project.call(["cp", "vm:/tmp/copy", "back"])).code, 0);
    assert.equal(await Deno.readTextFile(`${project.directory}/back`), "one");
    assert.equal((await project.call(["cp", "vm:/etc/ssh", "tree"])).code, 0);
    assert.ok(await exists(`${project.directory}/tree/sshd_config`));
  });
  await t.step("Rosetta's directory is there for the guest to mount", async () => {
    const { code } = await inGuest(
      "sudo mount -t virtiofs rosetta /mnt && ls /mnt && sudo umount /mnt",
    );
    assert.equal(code, 0);
  });
  await t.step("any SSH client reaches it, by the printed block", async () => {
    const { stdout } = await project.call(["ssh-config"]);
    assert.match(stdout, /ProxyCommand \/usr\/bin\/nc -U '.*\/vsock-ssh\.sock'/);
    await Deno.writeTextFile("/tmp/ssh.conf", stdout);
    const said = await run(["ssh", "-F", "/tmp/ssh.conf", "nixbox-box", "echo reached"]);
    assert.equal(said.stdout, "reached\n");
  });
  await t.step("hooks ran without an address, and the secret is on no command line", async () => {
    const hook = await Deno.readTextFile(`${project.directory}/hook.env`);
    assert.match(hook, /^NIXBOX_NAME=box$/m);
    assert.doesNotMatch(hook, /NIXBOX_ADDRESS/);
    const { stdout } = await run(["/usr/bin/ps", "-eo", "args="]);
    assert.ok(!stdout.includes("s3cret-on-mac"));
    assert.equal((await inGuest('echo "$TOKEN"')).stdout, "s3cret-on-mac\n");
    assert.equal((await inGuest("stat -c '%a %U' /run/nixbox/env.sh")).stdout, "400 dev\n");
  });
  await t.step("no secret of env is on the disk that stays attached", async () => {
    const disks = await inGuest(
      "sudo grep -l s3cret-on-mac /dev/vd* /dev/disk/by-id/* 2>/dev/null",
    );
    assert.equal(disks.stdout, "");
  });
  await t.step(
    "a clock that stood while the Mac slept goes right with the next command",
    async () => {
      await inGuest("sudo date -s @$(($(date +%s) - 7200))");
      const seconds = Number((await inGuest("date +%s")).stdout);
      assert.ok(Math.abs(seconds - Date.now() / 1000) < 600, `${seconds}`);
    },
  );
  await t.step("the provisioning disk is gone from the host", async () => {
    const { stdout } = await run([
      ...["find", `${Deno.env.get("HOME")}/.local/state/nixbox`, "-name", "provisioning*"],
    ]);
    assert.equal(stdout, "");
  });
  await t.step("down asks the guest, and leaves nothing", async () => {
    const down = await project.down("--json");
    assert.equal(down.code, 0, down.stderr);
    assert.match(down.stdout, /"stop": ?"graceful"/);
    await assertNothingLeft();
  });
});

Deno.test("macOS: several machines at once have nothing in common", async () => {
  await using one = await TestProject.make('network.mode = "off";', "one", onMac);
  await using two = await TestProject.make("", "two", onMac);
  const ups = await Promise.all([one.up("runner-vfkit"), two.up("runner-vfkit")]);
  for (const { code, stderr } of ups) assert.equal(code, 0, stderr);
  const { stdout } = await one.call(["status", "--json"]);
  const { machines } = JSON.parse(stdout);
  assert.deepEqual(
    machines.map(({ name, state }: { name: string; state: string }) => [name, state]),
    [
      ["one", "running"],
      ["two", "running"],
    ],
  );
  assert.equal((await one.run("hostname; ls /sys/class/net")).stdout, "one\nlo\n");
  assert.equal((await two.run("hostname; ls /sys/class/net")).stdout, "two\neth0\nlo\n");
  assert.equal((await one.down()).code, 0);
  assert.equal((await two.run("hostname")).stdout, "two\n");
  assert.equal((await two.call(["down", "--all"])).code, 0);
  await assertNothingLeft();
});

Deno.test("macOS: what a guest wrote into .nixbox is not run before it was looked at", async (t) => {
  await using project = await TestProject.make("", "box", onMac);
  assert.equal((await project.up("runner-vfkit")).code, 0);
  const evil = '{ hooks = { pre-up = [ "touch /var/tmp/mac-ran" ]; }; }';
  assert.equal((await project.run(`echo '${evil}' >.nixbox/config.nix`)).code, 0);
  assert.equal((await project.down()).code, 0);

  await t.step("up refuses, and says what to do", async () => {
    const words = ["up", "--runner", "/lab/runner-vfkit"];
    const up = await project.call(words, { isUnread: true });
    assert.equal(up.code, 1);
    assert.match(up.stderr, /has changed since it was accepted[^]*nixbox trust/);
    assert.equal(await exists("/var/tmp/mac-ran"), false);
  });
  await t.step("trust shows the difference, and up goes on once it is put back", async () => {
    const trust = await project.call(["trust", "--show", "--json"]);
    assert.match(trust.stdout + trust.stderr, /mac-ran/);
    await project.configure("");
    assert.equal((await project.call(["trust", "--yes"])).code, 0);
  });
  await t.step(
    "a link in a key's place is found, and nothing is taken from where it leads",
    async () => {
      const key = `${project.directory}/.nixbox/ssh/identity_ed25519`;
      await Deno.remove(key);
      await Deno.symlink("/etc/hostname", key);
      const up = await project.up("runner-vfkit");
      assert.equal(up.code, 1);
      assert.match(up.stderr, /identity_ed25519 is not a plain file/);
    },
  );
  await assertNothingLeft();
});

Deno.test("macOS: a project in a directory that vfkit cannot name works over SSH, .nixbox hidden", async () => {
  await using project = await TestProject.make('name = "box";', "a, b", onMac);
  const up = await project.up("runner-vfkit");
  assert.equal(up.code, 0, up.stderr);
  await Deno.writeTextFile(`${project.directory}/file`, "here");
  const seen = await project.run("cat file; ls -A .nixbox | wc -l; touch made");
  assert.equal(seen.stdout, "here0\n");
  assert.ok(await exists(`${project.directory}/made`));
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});

const refusals: readonly (readonly [what: string, config: string, says: RegExp])[] = [
  [
    "an overlay",
    'mounts = [ { source = "/var/tmp"; target = "/o"; overlay = true; } ];',
    /no shares with overlay \(mounts\[\d\]\.overlay\)\nhelp: set readonly/,
  ],
  [
    "a share that shows what nixbox keeps",
    'mounts = [ { source = "/root"; target = "/root-of-host"; } ];',
    /\/root must not be shared: nothing can be hidden in it on macOS/,
  ],
  [
    "ports of the host in mode open",
    "network.allowHost = [ 8080 ];",
    /say nothing in mode "open" here[^]*network\.mode = "filtered"/,
  ],
  ["another hypervisor", 'hypervisor = "qemu";', /the config asks for qemu/],
];

for (const [what, config, says] of refusals) {
  Deno.test(`macOS: ${what} is refused before anything is started`, async () => {
    await using project = await TestProject.make(config, "box", onMac);
    const { code, stderr } = await project.up("runner-vfkit");
    assert.equal(code, 1);
    assert.match(stderr, says);
    await assertNothingLeft();
  });
}

Deno.test("macOS: a host that cannot run a machine says why, before anything is started", async () => {
  await using project = await TestProject.make("", "box", onMac);
  const other = await project.up("runner");
  assert.match(other.stderr, /runner is for qemu, which does not run on this host/);
  const spaced = await project.call(["up", "--runner", "/lab/runner-vfkit"], {
    env: { XDG_STATE_HOME: "/tmp/with space" },
  });
  assert.match(spaced.stderr, /vfkit cannot use the path .*with space.*\n.*set XDG_STATE_HOME/);
  const virtual = await project.call(["doctor"], {
    env: { NIXBOX_STAND_IN_HV_SUPPORT: "0", NIXBOX_STAND_IN_HV_VMM_PRESENT: "1" },
  });
  assert.equal(virtual.code, 1);
  assert.match(virtual.stdout, /this Mac is a virtual machine itself/);
  const old = await project.call(["doctor"], { env: { NIXBOX_STAND_IN_MACOS: "12.7" } });
  assert.match(old.stdout, /macOS 12\.7: vfkit is meant for macOS 14/);
  await assertNothingLeft();
});

Deno.test("macOS: a guest that does not come up, or not go, is ended within a bound", async (t) => {
  await using project = await TestProject.make("", "box", onMac);
  await t.step("no sshd: the error says how far it came", async () => {
    const up = await project.up("runner-vfkit-nosshd", "--timeout", "25");
    assert.equal(up.code, 1);
    assert.match(up.stderr, /could not be reached within 25 s[^]*no sshd of the guest's answers/);
    await assertNothingLeft();
  });
  await t.step("vfkit's own error is shown, with what fixes it", async () => {
    const { code, stderr } = await project.call(["up", "--runner", "/lab/runner-vfkit"], {
      env: { XDG_RUNTIME_DIR: `/tmp/${"long".repeat(20)}` },
    });
    assert.equal(code, 1);
    assert.match(stderr, /too long for sockets[^]*XDG_RUNTIME_DIR/);
  });
  await t.step("a deaf guest, stopped by force", async () => {
    assert.equal((await project.up("runner-vfkit-deaf")).code, 0);
    // Its sshd answers no more either.
    await project.run("sudo pkill -STOP sshd; true");
    const started = performance.now();
    const down = await project.down("--json");
    assert.equal(down.code, 0, down.stderr);
    assert.match(down.stdout, /"stop": ?"forced"/);
    assert.ok(performance.now() - started < 20_000);
    await assertNothingLeft();
  });
});
