import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";

Deno.test("scripts run in order, as the user, with env; hooks run on the host", async (t) => {
  await using project = await TestProject.make(`
    env.GREETING = "hello";
    scripts = [ ./one/setup.sh (./. + "/two/set up's.sh") ./one/../two/setup.sh
      { path = ./fails.sh; optional = true; } ];
    hooks = {
      pre-up = [ "echo pre-up $NIXBOX_NAME; pwd; env | grep NIXBOX_ | sort" "exit 3" "echo second" ];
      post-up = [ "cat; echo stdin was closed" ''ssh -F "$NIXBOX_SSH_CONFIG" nixbox uname -n'' ];
      pre-down = [ "echo pre-down $NIXBOX_ADDRESS >&2" ];
      post-down = [ "echo post-down; exit 1" ];
    };
  `);
  const files = `${project.directory}/.nixbox`;
  await Deno.mkdir(`${files}/one`);
  await Deno.mkdir(`${files}/two`);
  const script = (name: string) =>
    `#!/bin/bash\necho "${name} says $GREETING"; echo ${name} >>~/order; id -un; pwd; cat; echo err >&2\n`;
  await Deno.writeTextFile(`${files}/one/setup.sh`, script("first"));
  await Deno.writeTextFile(`${files}/two/set up's.sh`, script("second"));
  await Deno.writeTextFile(`${files}/two/setup.sh`, script("third"));
  await Deno.writeTextFile(`${files}/fails.sh`, "#!/bin/sh\necho last words; exit 7\n");
  const up = await project.up();
  assert.equal(up.code, 0, up.stderr);

  await t.step("scripts: order, output, user, directory, same and odd names", async () => {
    assert.equal((await project.run("cat ~/order")).stdout, "first\nsecond\nthird\n");
    assert.match(up.stderr, /first says hello\s+dev\s+\/home\/dev\s+err/);
    assert.match(up.stderr, /run set up's\.sh/);
    assert.equal(up.stderr.match(/✓ run setup\.sh/g)?.length, 2);
  });

  await t.step("an optional script that fails is a warning with its words", () => {
    assert.match(up.stderr, /last words/);
    assert.match(up.stderr, /warning: the script .*fails\.sh failed .*exit 7.*optional/);
  });

  await t.step("hooks: where they run and what they know", () => {
    assert.ok(up.stderr.includes(`pre-up box\n    ${project.directory}/.nixbox\n`), up.stderr);
    assert.match(up.stderr, /NIXBOX_EVENT=pre-up\s[^]*NIXBOX_NAME=box\s+NIXBOX_PROJECT=/);
    assert.match(up.stderr, /stdin was closed/);
    assert.match(up.stderr, /✓ post-up hook.*\n/);
    assert.match(up.stderr, /^ {4}box$/m);
  });

  await t.step("a hook that fails is a warning, and the next one runs", () => {
    assert.match(up.stderr, /warning: pre-up hook: .*exit 3/);
    assert.match(up.stderr, /second/);
  });

  await t.step("down runs its hooks", async () => {
    const { code, stderr } = await project.down();
    assert.equal(code, 0);
    assert.match(stderr, /pre-down 10\.201\.\d+\.2/);
    assert.match(stderr, /post-down/);
    assert.match(stderr, /warning: post-down hook/);
  });

  await t.step("a script that fails fails up, which undoes everything", async () => {
    await project.configure("scripts = [ ./fails.sh ];");
    const { code, stderr } = await project.up();
    assert.equal(code, 1);
    assert.match(stderr, /the script .*fails\.sh failed in the guest \(exit 7\)[^]*last words/);
    assert.match((await project.call(["status"])).stdout, /no machine is up/);
  });
});

Deno.test("any SSH client reaches the guest, which has its own identity", async (t) => {
  await using project = await TestProject.make();
  await project.mustUp();
  const directory = await Deno.makeTempDir({ dir: "/var/tmp" });
  const config = `${directory}/nixbox.conf`;
  await Deno.writeTextFile(config, (await project.call(["ssh-config"])).stdout);

  await t.step("ssh and rsync, with the host key known", async () => {
    const { stdout } = await run(["ssh", "-F", config, "nixbox-box", "uname", "-n"]);
    assert.equal(stdout, "box\n");
    await Deno.mkdir(`${directory}/src`);
    await Deno.writeTextFile(`${directory}/src/a file`, "by rsync\n");
    await run(["rsync", "-a", "-e", `ssh -F ${config}`, `${directory}/src/`, "nixbox-box:src/"]);
    assert.equal((await project.run("cat", "/home/dev/src/a file")).stdout, "by rsync\n");
  });

  await t.step("under another name, and as data", async () => {
    const { stdout } = await project.call(["ssh-config", "--host", "other"]);
    assert.match(stdout, /^Host other\n/);
    const access = JSON.parse((await project.call(["ssh-config", "--json"])).stdout);
    assert.equal(access.user, "dev");
    assert.match(access.config, /^Host nixbox-box\n/);
    assert.equal((await project.call(["ssh-config", "--host", "a b"])).code, 2);
  });

  await t.step("the guest's key is the one that setup prints", async () => {
    const { stdout: key } = await project.call(["setup"]);
    const line = "ssh-keygen -y -f ~/.ssh/id_ed25519; stat -c '%a %U' ~/.ssh/id_ed25519 ~/.ssh";
    const { stdout } = await project.run(line);
    assert.equal(stdout, `${key.trim()}\n600 dev\n700 dev\n`);
  });

  await t.step("rotated keys are for the next up; the machine that is up goes on", async () => {
    const { stdout: before } = await project.call(["setup"]);
    const rotated = await project.call(["setup", "--rotate"]);
    assert.notEqual(rotated.stdout, before);
    assert.match(rotated.stderr, /keeps the old ones until its next/);
    assert.equal((await project.run("echo on")).stdout, "on\n");
    await project.down();
    await project.mustUp();
    const { stdout } = await project.run("ssh-keygen -y -f ~/.ssh/id_ed25519");
    assert.equal(stdout, rotated.stdout);
    const names = await Array.fromAsync(
      Deno.readDir(`${project.directory}/.nixbox/ssh`),
      ({ name }) => name,
    );
    assert.equal(names.length, 6);
    const old = await run(["ssh", "-F", config, "nixbox-box", "true"], { accept: "any" });
    assert.equal(old.code, 0, "the block's files are those of the machine that is up");
  });

  await t.step("down, and nobody is reached", async () => {
    await project.down();
    assert.equal((await project.call(["ssh-config"])).code, 3);
  });
  await Deno.remove(directory, { recursive: true });
});
