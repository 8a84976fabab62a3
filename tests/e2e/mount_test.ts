import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { parentOf } from "../../lib/base/paths.ts";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft, traces } from "./support/traces.ts";

Deno.test("shares come and go while a machine runs", async (t) => {
  await using project = await TestProject.make();
  await project.mustUp();
  const parent = parentOf(project.directory);
  const inGuest = async (line: string) => (await project.run(line)).stdout.trim();
  const mounts = async () =>
    JSON.parse((await project.call(["status", "--json"])).stdout).machines[0].mounts;
  const mustMount = async (...words: string[]) => {
    const { code, stderr } = await project.call(["mount", ...words]);
    assert.equal(code, 0, stderr);
  };
  const mustUnmount = async (...words: string[]) => {
    const { code, stderr } = await project.call(["unmount", ...words]);
    assert.equal(code, 0, stderr);
  };

  const odd = 'it\'s "a", größe $HOME 100%';
  await Deno.mkdir(`${parent}/${odd}`);
  await Deno.writeTextFile(`${parent}/${odd}/file`, "from the host\n");

  await t.step("a relative source with odd characters, at a target that is as odd", async () => {
    await mustMount(`../${odd}:/mnt/${odd}`);
    assert.equal(
      await inGuest(`cat "/mnt/it's \\"a\\", größe \\$HOME 100%/file"`),
      "from the host",
    );
    assert.equal((await mounts()).length, 2);
    await project.run("sh", "-c", 'echo made >"$1/made"', "sh", `/mnt/${odd}`);
    assert.equal(await Deno.readTextFile(`${parent}/${odd}/made`), "made\n");
    assert.equal((await Deno.stat(`${parent}/${odd}/made`)).uid, Deno.uid());
    assert.match((await project.call(["status"])).stdout, /größe .* at \/mnt\//);
  });

  await t.step("run maps the directory that one stands in to the share", async () => {
    const { stdout } = await project.call(["--project", project.directory, "run", "pwd"], {
      cwd: `${parent}/${odd}`,
    });
    assert.equal(stdout, `/mnt/${odd}\n`);
  });

  await t.step("unmount takes it away, device and server too", async () => {
    const before = (await traces()).filter((line) => line.includes("virtiofsd")).length;
    await mustUnmount(`/mnt/${odd}/`);
    assert.equal((await mounts()).length, 1);
    const after = (await traces()).filter((line) => line.includes("virtiofsd")).length;
    assert.ok(after < before, `${after} < ${before}`);
    assert.equal(await inGuest(`ls "/mnt/it's \\"a\\", größe \\$HOME 100%"`), "");
  });

  await t.step("the long form, ~ on both sides, read-only by the host", async () => {
    const home = Deno.env.get("HOME");
    await Deno.mkdir(`${home}/a,b c`, { recursive: true });
    await Deno.writeTextFile(`${home}/a,b c/file`, "home\n");
    await mustMount('type=bind,"source=~/a,b c",target=~/from home,readonly');
    assert.equal(
      await inGuest('cat "$HOME/from home/file"; stat -c %U "$HOME/from home"'),
      "home\ndev",
    );
    const wrote = await project.run(
      'sudo mount -o remount,rw "$HOME/from home"; sudo touch "$HOME/from home/x"',
    );
    assert.notEqual(wrote.code, 0);
    assert.match(wrote.stderr, /[Rr]ead-only|Permission/);
    assert.equal(await exists(`${home}/a,b c/x`), false);
    await mustUnmount("~/from home");
    await Deno.remove(`${home}/a,b c`, { recursive: true });
  });

  await t.step(
    "an overlay: the guest changes what it sees, and the host sees nothing of it",
    async () => {
      const source = `${parent}/lower`;
      await Deno.mkdir(`${source}/sub`, { recursive: true });
      await Deno.writeTextFile(`${source}/file`, "lower\n");
      await mustMount(`${source}:~/over:overlay`);
      const line = "cd ~/over && echo upper >file && mkdir new && rm -r sub && cat file && ls";
      assert.equal(await inGuest(line), "upper\nfile\nnew");
      assert.equal(await Deno.readTextFile(`${source}/file`), "lower\n");
      assert.equal(await exists(`${source}/sub`), true);
      assert.equal(await exists(`${source}/new`), false);
      await mustUnmount("~/over");
      assert.equal(await inGuest("ls /run/nixbox/overlay; mount | grep -c overlay/share"), "0");
    },
  );

  await t.step("a share in use stays, and is told by what; --force takes it", async () => {
    const source = `${parent}/busy`;
    await Deno.mkdir(source);
    await mustMount(`${source}:/mnt/busy`);
    await inGuest("cd /mnt/busy && (setsid sleep 1000 >/dev/null 2>&1 &)");
    const { code, stderr } = await project.call(["unmount", "/mnt/busy"]);
    assert.equal(code, 1);
    assert.match(stderr, /\/mnt\/busy is in use in the guest[^]*sleep \(pid \d+\)/);
    assert.equal((await mounts()).at(-1).state, "ready");
    assert.equal((await project.run("touch /mnt/busy/still")).code, 0);
    await mustUnmount("/mnt/busy", "--force");
    assert.equal((await mounts()).length, 1);
    await inGuest("pkill sleep");
  });

  await t.step("--force needs no leave of the guest's, and leaves no id behind", async () => {
    await mustMount(`${parent}/busy:/mnt/stubborn`);
    await inGuest("sudo mv /run/nixbox/provision.sh /run/nixbox/away");
    assert.equal((await project.call(["unmount", "/mnt/stubborn"])).code, 1);
    const { code, stderr } = await project.call(["unmount", "/mnt/stubborn", "--force"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /warning: the guest could not unmount/);
    await inGuest("sudo mv /run/nixbox/away /run/nixbox/provision.sh; sudo umount /mnt/stubborn");
    await mustMount(`${parent}/busy:/mnt/again`);
    assert.equal((await project.run("touch /mnt/again/x")).code, 0);
    await mustUnmount("/mnt/again");
  });

  await t.step("a share that the config gave goes and comes as well", async () => {
    await mustUnmount("~/workspace");
    assert.equal(await inGuest("cd; ls -A workspace"), "");
    await mustMount(`.:~/workspace`);
    const line = "ls -A ~/workspace/.nixbox; cd ~/workspace && find . -type f; ls -d .nixbox";
    assert.equal(await inGuest(line), ".nixbox");
  });

  await t.step("nothing of nixbox is in a share of a directory above the project", async () => {
    await mustMount(`${parent}:/mnt/parent`);
    assert.equal(await inGuest("ls -A /mnt/parent/box/.nixbox"), "");
    await inGuest("cd /mnt/parent/box; sudo rmdir .envrc .vscode; echo x >.envrc; mkdir .vscode/x");
    assert.equal(
      (await run(["find", ".envrc", ".vscode"], { cwd: project.directory })).stdout,
      ".envrc\n.vscode\n",
    );
    const line =
      "cd /mnt/parent; mv box other; mv box/.nixbox box/x; mkdir box/.nixbox/y; ls box/.nixbox";
    const { stdout, stderr } = await project.run(line);
    assert.equal(stdout, "");
    assert.equal(stderr.split("\n").length - 1, 3, stderr);
    await mustUnmount("/mnt/parent");
    await mustMount(`/root:/mnt/root`);
    assert.equal(
      await inGuest("sudo ls -A /mnt/root/.local/state/nixbox; ls -A /mnt/root/.cache/nixbox"),
      "",
    );
    await mustUnmount("/mnt/root");
  });

  const wrong: readonly (readonly [string, readonly string[], RegExp])[] = [
    ["a source that is not there", ["/nowhere:/mnt/x"], /there is no directory \/nowhere/],
    ["a file", ["/etc/passwd:/mnt/x"], /only directories can be shared[^]*nixbox cp/],
    ["the keys", [".nixbox:/mnt/x"], /must not be shared/],
    ["a target that is taken", [".:~/workspace"], /has .* at \/home\/dev\/workspace already/],
    ["a target that is a file", [".:/etc/passwd"], /is there and no directory/],
    ["a target that the guest has mounted", [".:/tmp"], /something is mounted at \/tmp/],
  ];
  for (const [what, words, says] of wrong) {
    await t.step(`${what} is refused, and leaves nothing`, async () => {
      const before = await traces();
      const { code, stderr } = await project.call(["mount", ...words]);
      assert.equal(code, 1);
      assert.match(stderr, says);
      assert.deepEqual((await traces()).length, before.length);
      assert.equal((await mounts()).length, 1);
      assert.equal(await inGuest("ls /mnt | grep x; true"), "");
    });
  }

  await t.step("what the guest has mounted itself is left alone", async () => {
    assert.equal(await inGuest("mountpoint -q /tmp && echo still"), "still");
    await mustMount(`${parent}/busy:/mnt/below`);
    await inGuest("sudo mount -t tmpfs none /mnt/below");
    const { code, stderr } = await project.call(["unmount", "/mnt/below"]);
    assert.equal(code, 1);
    assert.match(stderr, /something else is mounted at \/mnt\/below/);
    await inGuest("sudo umount /mnt/below; sudo umount /mnt/below");
    await mustUnmount("/mnt/below");
  });

  await t.step("a mount that fails half-way leaves nothing", async () => {
    const before = await traces();
    // The guest's root can make its own mount fail; the device is there by then.
    await inGuest("sudo chattr +i /mnt 2>/dev/null || sudo mount -t tmpfs -o ro none /mnt");
    const { code, stderr } = await project.call(["mount", `${parent}/busy:/mnt/new`]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /the guest could not mount/);
    assert.deepEqual((await traces()).length, before.length);
    assert.equal((await mounts()).length, 1);
    await inGuest("sudo umount /mnt");
    await mustMount(`${parent}/busy:/mnt/new`);
    await mustUnmount("/mnt/new");
  });

  await t.step("what kill -9 during a mount leaves, unmount clears", async () => {
    const mount = ["mount", `${parent}/busy:/mnt/killed`];
    await project.callUntil(mount, "write the record", "SIGKILL");
    assert.equal((await mounts()).at(-1).state, "changing");
    assert.match((await project.call(["status"])).stdout, /\/mnt\/killed \(half-made\)/);
    await mustUnmount("/mnt/killed", "--force");
    assert.equal((await mounts()).length, 1);
    await mustMount(`${parent}/busy:/mnt/killed`);
    assert.equal((await project.run("touch /mnt/killed/x")).code, 0);
    await mustUnmount("/mnt/killed");
  });

  await t.step("a home directory is shared with a warning", async () => {
    const { stderr } = await project.call(["mount", "~:/mnt/home"]);
    assert.match(stderr, /warning: the guest can write to all of \/root/);
    await mustUnmount("/mnt/home");
  });

  await t.step("more shares than a machine has places for are refused in words", async () => {
    let refused = "";
    for (let count = 0; count < 20 && refused === ""; count++) {
      const { code, stderr } = await project.call(["mount", `${parent}/busy:/mnt/many${count}`]);
      if (code !== 0) refused = stderr;
    }
    assert.match(refused, /no place for another device[^]*unmount a share first/);
    for (const { target } of (await mounts()).slice(1)) await mustUnmount(target);
  });

  await t.step("unmounting what is not there says what is", async () => {
    const { code, stderr } = await project.call(["unmount", "/mnt/nothing"]);
    assert.equal(code, 1);
    assert.match(stderr, /no share at \/mnt\/nothing[^]*\/home\/dev\/workspace/);
  });

  await t.step("down takes what is still mounted", async () => {
    await mustMount(`${parent}/busy:/mnt/busy`);
    assert.equal((await project.down()).code, 0);
    await assertNothingLeft();
  });
});

Deno.test("a share over SSH is confined to its directory, and read-only by the server", async (t) => {
  await using project = await TestProject.make();
  await project.mustUp();
  const parent = parentOf(project.directory);
  const source = `${parent}/by ssh, "quoted"`;
  await Deno.mkdir(source);
  await Deno.writeTextFile(`${source}/file`, "content\n");
  await Deno.writeTextFile(`${parent}/outside`, "secret\n");
  await Deno.symlink("../outside", `${source}/up`);
  await Deno.symlink(`${parent}/outside`, `${source}/absolute`);
  const spec = `${source}:/mnt/by ssh`;
  const before = await traces();

  await t.step("it is read and written, as the guest's user", async () => {
    const { code, stderr } = await project.call(["mount", spec, "--via", "sshfs"]);
    assert.equal(code, 0, stderr);
    const { stdout } = await project.run(
      "cd '/mnt/by ssh' && cat file && echo new >made && mkdir -p a/b && mv made a/b && stat -c %U a/b/made",
    );
    assert.equal(stdout, "content\ndev\n");
    assert.equal(await Deno.readTextFile(`${source}/a/b/made`), "new\n");
    assert.equal((await Deno.stat(`${source}/a/b/made`)).uid, Deno.uid());
    assert.match((await project.call(["status"])).stdout, /by ssh.*\(by sshfs\)/);
  });

  await t.step("links and paths of the guest's choice lead nowhere else", async () => {
    const { stdout } = await project.run(
      "cd '/mnt/by ssh'; cat up absolute; sudo ln -s / root; ls root/root",
    );
    assert.equal(stdout, "");
    // Whoever is root in the guest can speak SFTP itself: what the server shows is all there is.
    const roots = await project.run("ls -A '/mnt/by ssh/..'");
    assert.doesNotMatch(roots.stdout, /outside/);
  });

  await t.step("it goes, with all of its processes", async () => {
    const { code, stderr } = await project.call(["unmount", "/mnt/by ssh"]);
    assert.equal(code, 0, stderr);
    assert.equal((await traces()).length, before.length);
  });

  await t.step("read-only is the server's doing", async () => {
    assert.equal((await project.call(["mount", `${spec}:ro`, "--via=sshfs"])).code, 0);
    const { code } = await project.run(
      "sudo mount -o remount,rw '/mnt/by ssh'; sudo touch '/mnt/by ssh/x'",
    );
    assert.notEqual(code, 0);
    assert.equal(await exists(`${source}/x`), false);
    const busy = await project.call([
      "run",
      "cd '/mnt/by ssh' && (setsid sleep 1000 >/dev/null 2>&1 &)",
    ]);
    assert.equal(busy.code, 0);
    assert.match((await project.call(["unmount", "/mnt/by ssh"])).stderr, /sleep \(pid/);
    assert.equal((await project.call(["unmount", "--force", "/mnt/by ssh"])).code, 0);
    assert.equal((await traces()).length, before.length);
  });

  await t.step("a guest without sshfs says so, and nothing stays", async () => {
    await project.run("sudo mv /usr/bin/sshfs /usr/bin/sshfs.away");
    const { code, stderr } = await project.call(["mount", spec, "--via", "sshfs"]);
    assert.equal(code, 1);
    assert.match(stderr, /sshfs: command not found/);
    assert.equal((await traces()).length, before.length);
  });

  await t.step("down takes one that is there", async () => {
    await project.run("sudo mv /usr/bin/sshfs.away /usr/bin/sshfs");
    assert.equal((await project.call(["mount", spec, "--via", "sshfs"])).code, 0);
    await project.down();
    await assertNothingLeft();
  });
});
