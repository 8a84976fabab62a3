import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft, traces } from "./support/traces.ts";

Deno.test("a machine boots, runs commands, shares the project and goes without a trace", async (t) => {
  await using project = await TestProject.make(`
    env = { GREETING = "it's \\"here\\": $HOME\\nsecond line é"; };
    network.mode = "open";
    scripts = [ ./first.sh ];
    hooks.post-up = [ "echo hook $NIXBOX_NAME $NIXBOX_ADDRESS; cat" ];
  `);
  const { directory } = project;
  await Deno.writeTextFile(
    `${directory}/.nixbox/first.sh`,
    '#!/bin/bash\necho "script says $GREETING" | head -1\nid -un > /tmp/script-ran\n',
  );
  await Deno.mkdir(`${directory}/sub dir`);
  await Deno.writeTextFile(`${directory}/sub dir/file`, "from the host\n");

  await t.step("up tells each step, the script's output and the hook's", async () => {
    const { code, stderr } = await project.up();
    assert.equal(code, 0, stderr);
    assert.match(stderr, /boot the guest/);
    assert.match(stderr, /script says it's "here": \$HOME/);
    assert.match(stderr, /hook box 10\.201\.\d+\.2/);
    assert.match(stderr, /box is up/);
  });

  await t.step("argv reaches the guest unchanged", async () => {
    const words = ["a b", "c'd", '"', "$HOME", "x\ny", "\\", "*", "", "-n", "é"];
    const { code, stdout } = await project.run("printf", "%s\\0", ...words);
    assert.equal(code, 0);
    assert.deepEqual(stdout.split("\0").slice(0, -1), words);
  });

  await t.step("a single word is a line of shell", async () => {
    const { stdout } = await project.run("echo $((6 * 7)) | tr 4 5");
    assert.equal(stdout, "52\n");
  });

  await t.step("options after the command's first word are the command's", async () => {
    const { stdout } = await project.call(["run", "echo", "--json", "-v", "--project", "x"]);
    assert.equal(stdout, "--json -v --project x\n");
  });

  await t.step("exit codes pass through, and both streams stay apart", async () => {
    const { code, stdout, stderr } = await project.run("echo out; echo err >&2; exit 42");
    assert.deepEqual({ code, stdout, stderr }, { code: 42, stdout: "out\n", stderr: "err\n" });
  });

  await t.step("stdin streams into the guest, binary bytes too", async () => {
    const text = "line\n".repeat(10_000);
    const { stdout } = await project.call(["run", "--", "sha256sum"], { stdin: text });
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
    const hex = Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0"));
    assert.equal(stdout.split(" ")[0], hex.join(""));
  });

  await t.step("the share maps directories and owners, and hides .nixbox", async () => {
    const here = await project.call(["run", "pwd; cat file; echo made > made; ls -A .."], {
      cwd: `${directory}/sub dir`,
    });
    assert.equal(here.stdout.split("\n")[0], "/home/dev/workspace/sub dir");
    assert.match(here.stdout, /from the host/);
    assert.equal(await Deno.readTextFile(`${directory}/sub dir/made`), "made\n");
    assert.equal((await Deno.stat(`${directory}/sub dir/made`)).uid, Deno.uid());
    const masked = await project.run("ls -A ~/workspace/.nixbox; touch ~/workspace/.nixbox/x");
    assert.notEqual(masked.code, 0);
    assert.equal(masked.stdout, "");
  });

  await t.step("env survives in run, in scripts and in login shells", async () => {
    const value = 'it\'s "here": $HOME\nsecond line é';
    const inRun = await project.run("sh", "-c", 'printf %s "$GREETING"');
    assert.equal(inRun.stdout, value);
    const inLogin = await project.call(["shell"], { stdin: 'printf %s "$GREETING"\n' });
    assert.equal(inLogin.stdout, value);
    assert.equal((await project.run("cat /tmp/script-ran")).stdout, "dev\n");
  });

  await t.step("the network is open, by name and through the host's own resolver", async () => {
    const { stdout } = await project.run("curl", "-s", "-m", "5", "http://allowed.test/path");
    assert.match(stdout, /"name":"allowed.test".*"path":"\/path","client":"80\.0\.2\.2"/);
  });

  await t.step("the host's own services are refused at once", async () => {
    using server = Deno.listen({ port: 8080, hostname: "0.0.0.0" });
    void (async () => {
      for await (const connection of server) connection.close();
    })().catch(() => {});
    const gateway = await project.run("curl -sS -m 5 http://80.0.2.2:8080/");
    assert.notEqual(gateway.code, 0);
    assert.doesNotMatch(gateway.stderr, /timed out/i);
  });

  await t.step("the provisioning disk is gone from guest and host", async () => {
    const { stdout } = await project.run("cat /sys/block/*/serial; ls /sys/block");
    assert.doesNotMatch(stdout, /nixbox|vdb/);
    const { stdout: files } = await run([
      "find",
      "/dev/shm",
      "/tmp",
      "/run",
      "-name",
      "*provision*",
    ]);
    assert.equal(files, "");
  });

  await t.step("no Deno process of nixbox stays", async () => {
    const { stdout } = await run(["ps", "-eo", "args="]);
    const ours = stdout.split("\n").filter((line) => /\/main\.(ts|js)\b/.test(line));
    assert.deepEqual(ours, []);
  });

  await t.step("status tells it, for people and as JSON", async () => {
    const people = await project.call(["status"]);
    assert.match(people.stdout, /box\s+running\s+.*10\.201\.0\.2\s+qemu \(emulated\)\s+open/);
    const { machines } = JSON.parse((await project.call(["status", "--json"])).stdout);
    assert.equal(machines.length, 1);
    assert.equal(machines[0].state, "running");
    assert.deepEqual(machines[0].mounts, [
      {
        source: directory,
        target: "/home/dev/workspace",
        readonly: false,
        overlay: false,
        via: "virtiofs",
        state: "ready",
      },
    ]);
  });

  await t.step("logs tell what the guest and its programs said", async () => {
    assert.match((await project.call(["logs"])).stdout, /sshd listens/);
    assert.match((await project.call(["logs", "provisioning"])).stdout, /mounted .*workspace/);
    assert.match((await project.call(["logs", "dnsmasq"])).stdout, /DHCPACK/);
  });

  await t.step("a second up says that it is up, and changes nothing", async () => {
    const before = await traces();
    const { code, stderr } = await project.up();
    assert.equal(code, 0);
    assert.match(stderr, /was up already/);
    assert.deepEqual((await traces()).length, before.length);
  });

  await t.step("down stops it gracefully and leaves nothing", async () => {
    const { code, stderr } = await project.down();
    assert.equal(code, 0);
    assert.match(stderr, /box is down/);
    await assertNothingLeft();
  });

  await t.step("a second down is not a failure, and run ends with 3", async () => {
    const again = await project.down();
    assert.equal(again.code, 0);
    assert.match(again.stderr, /is not up/);
    const { code, stderr } = await project.run("true");
    assert.equal(code, 3);
    assert.match(stderr, /not running/);
    assert.match((await project.call(["status"])).stdout, /no machine is up/);
  });
});
