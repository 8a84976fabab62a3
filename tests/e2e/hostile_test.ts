import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { nixboxArgv, TestProject } from "./support/machine.ts";

/** What nobody but the test may read, write or run: outside of every share. */
const secret = "host-secret-never-in-a-guest";

/** What the guest plants in its workspace, as root of its machine. */
const planting = `
set -u
cd ~/workspace
evil='{ hooks = { pre-up = [ "touch /var/tmp/ran" ]; pre-down = [ "touch /var/tmp/ran" ]; }; }'

# the config itself, and what could pass for it
echo "$evil" >.nixbox/config.nix
mv .nixbox away; rm -rf .nixbox; ln -s /tmp .nixbox
sudo umount .nixbox; sudo mount -t tmpfs none .nixbox && echo "$evil" | sudo tee .nixbox/config.nix
for name in sub/.nixbox sub/deeper/.nixbox .NIXBOX '.nixbox ' '.nixbox/../.nixbox2'; do
  mkdir -p "$name"; echo "$evil" >"$name/config.nix"
done

# links
ln -s /var/tmp/outside/secret link-to-secret
ln -s /var/tmp/outside link-to-outside
ln -s ../../../../../../../var/tmp/outside climbing
ln -s / root
ln -s /proc/self/root/var/tmp/outside magic
rm -rf data; ln -s /var/tmp/outside data
rm -f setup.sh; ln -s /var/tmp/outside/secret setup.sh
rm -f token; ln -s /var/tmp/outside/secret token
ln link-to-secret hard-link; ln made hard-file
rm -rf tools/tool; ln -s /var/tmp/outside tools/tool

# files of other kinds
mkfifo pipe; mkfifo tools/pipe
python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
sudo mknod null c 1 3; sudo mknod disk b 8 0; sudo mknod kmem c 1 2
cp /bin/sh suid; sudo chmod 6755 suid

# names
touch "$(printf 'n%.0s' $(seq 255))" "$(printf 'new\\nline')" -- -rf '--help' "$(printf 'esc\\033[2J')" '$(touch ran)' '\`touch ran\`'
deep=deep; for i in $(seq 40); do deep=$deep/$(printf 'd%.0s' $(seq 80)); done; mkdir -p "$deep"

# what others would run
mkdir -p .git/hooks; for hook in post-checkout pre-commit post-merge; do
  printf '#!/bin/sh\\ntouch /var/tmp/ran\\n' >.git/hooks/$hook; chmod +x .git/hooks/$hook
done
printf '[core]\\n\\tfsmonitor = touch /var/tmp/ran\\n\\tsshCommand = touch /var/tmp/ran\\n' >.git/config
printf 'touch /var/tmp/ran\\n' >.envrc
printf '{ outputs = _: throw "evaluated"; }\\n' >flake.nix
true
`;

Deno.test("whatever a guest plants in its workspace, the host reads, writes and runs nothing else", async (t) => {
  const outside = "/var/tmp/outside";
  await Deno.mkdir(outside, { recursive: true });
  await Deno.writeTextFile(`${outside}/secret`, secret);
  await Deno.writeTextFile(
    `${outside}/default.nix`,
    '{ hooks.pre-up = [ "touch /var/tmp/ran" ]; }',
  );
  const config = `
    mounts = [ { source = "data"; target = "/mnt/data"; } ];
    scripts = [ "../setup.sh" ];
    env.TOKEN = { file = "../token"; };
    plugins = [ "../tools/tool" ];
  `;
  await using project = await TestProject.make(config);
  const { directory } = project;
  await Deno.mkdir(`${directory}/data`);
  await Deno.mkdir(`${directory}/tools/tool/commands`, { recursive: true });
  await Deno.writeTextFile(`${directory}/tools/tool/default.nix`, "{ }\n");
  await Deno.writeTextFile(`${directory}/tools/tool/commands/go`, "#!/bin/sh\necho went\n", {
    mode: 0o755,
  });
  await Deno.writeTextFile(`${directory}/setup.sh`, "#!/bin/sh\n:\n");
  await Deno.writeTextFile(`${directory}/token`, "token\n");
  await Deno.writeTextFile(`${directory}/made`, "made\n");
  await project.mustUp();
  const before = await Deno.readTextFile(`${directory}/.nixbox/config.nix`);
  const stateOfOutside = async () =>
    (await run(["find", outside, "-printf", "%p %T@ %C@ %s\\n"])).stdout;
  const untouched = await stateOfOutside();

  const nothingHappened = async () => {
    assert.equal((await run(["find", "/var/tmp/ran"], { accept: "any" })).stdout, "");
    assert.equal(await Deno.readTextFile(`${directory}/.nixbox/config.nix`), before);
    assert.equal(await stateOfOutside(), untouched);
  };
  const inGuest = async (line: string) => {
    const { stdout } = await project.run(line);
    return stdout;
  };

  await t.step("a plugin's command runs from what the user has accepted", async () => {
    assert.equal((await project.call(["tool", "go"])).stdout, "went\n");
    await inGuest("echo 'touch /var/tmp/ran' >>~/workspace/tools/tool/commands/go");
    const { code, stderr } = await project.call(["tool", "go"], { isUnread: true });
    assert.equal(code, 1);
    assert.match(stderr, /changed: tools\/tool\/commands\/go[^]*nixbox trust/);
    await nothingHappened();
  });

  await t.step("what the user accepts, by its difference, runs again", async () => {
    await inGuest("cd ~/workspace/tools/tool/commands; printf '#!/bin/sh\\necho other\\n' >go");
    const shown = await project.call(["trust", "--yes"]);
    assert.equal(shown.code, 0);
    assert.match(shown.stdout, /^-echo went\n\+echo other$/m);
    assert.equal((await project.call(["tool", "go"])).stdout, "other\n");
  });

  await t.step("the guest plants, and sees nothing of the host", async () => {
    const { stdout } = await project.call(["shell"], { stdin: planting });
    assert.doesNotMatch(stdout, new RegExp(secret));
    const reads =
      "cd ~/workspace; cat link-to-secret climbing/secret magic/secret data/secret token " +
      "hard-link root/var/tmp/outside/secret; sudo cat link-to-secret; ls -A .nixbox";
    assert.doesNotMatch(await inGuest(reads), new RegExp(secret));
    const kinds = await inGuest("cd ~/workspace; ls -l null disk kmem 2>/dev/null");
    assert.equal(kinds, "", "no device of the host's can be made");
    await nothingHappened();
  });

  await t.step("what was planted is what the next steps are about", async () => {
    const { isSymlink } = await Deno.lstat(`${directory}/data`);
    assert.ok(isSymlink);
    assert.ok((await Deno.lstat(`${directory}/pipe`)).isFifo);
    assert.ok((await Deno.lstat(`${directory}/socket`)).isSocket);
    assert.ok((await Deno.lstat(`${directory}/sub/.nixbox/config.nix`)).isFile);
  });

  await t.step("status and logs tell, and no escape sequence reaches the terminal", async () => {
    await inGuest("printf 'evil \\033[2J\\033]0;title\\007' | sudo tee /dev/console >/dev/null");
    for (const words of [["status"], ["status", "--json"], ["logs"], ["logs", "virtiofsd"]]) {
      // On a terminal: what goes into a file is the log as it is.
      const line = nixboxArgv(...words).join(" ");
      const { code, stdout } = await run(["script", "-qec", line, "/dev/null"], {
        cwd: directory,
        accept: "any",
      });
      assert.equal(code, 0);
      assert.ok(!stdout.includes("\u001b[2J"), words.join(" "));
      assert.doesNotMatch(stdout, new RegExp(secret));
    }
    await nothingHappened();
  });

  const out: readonly (readonly string[])[] = [
    ["mount", "data:/mnt/x"],
    ["mount", "link-to-outside:/mnt/x"],
    ["mount", "climbing:/mnt/x", "--via", "sshfs"],
    ["mount", "root/var/tmp/outside:/mnt/x"],
    ["cp", "link-to-outside/secret", "vm:/tmp/stolen"],
    ["cp", "data/secret", "vm:/tmp/stolen"],
    ["cp", "vm:/etc/hostname", "link-to-outside/"],
    ["cp", "vm:/etc/hostname", "data/new"],
    ["cp", "vm:/etc", "climbing/etc"],
  ];
  for (const words of out) {
    await t.step(`refused: ${words.join(" ")}`, async () => {
      const { code, stderr } = await project.call(words);
      assert.equal(code, 1, stderr);
      assert.match(stderr, /is a symlink that leads to/);
      await nothingHappened();
    });
  }

  await t.step(
    "cp of the whole workspace takes links as links, and waits for no pipe",
    async () => {
      const { code, stderr } = await project.call(["cp", ".", "vm:/tmp/copy"]);
      assert.equal(code, 0, stderr);
      const reads = "cat /tmp/copy/link-to-secret /tmp/copy/token; readlink /tmp/copy/token";
      assert.equal(await inGuest(reads), "/var/tmp/outside/secret\n");
      assert.equal((await project.call(["cp", "token", "vm:/tmp/as-link"])).code, 0);
      assert.equal(await inGuest("readlink /tmp/as-link"), "/var/tmp/outside/secret\n");
      assert.match(
        (await project.call(["cp", "pipe", "vm:"])).stderr,
        /neither a file nor a directory/,
      );
      assert.match(
        (await project.call(["cp", "socket", "vm:"])).stderr,
        /neither a file nor a directory/,
      );
      assert.equal((await project.call(["cp", "vm:/tmp/copy", "back"])).code, 0);
      await nothingHappened();
    },
  );

  await t.step("a link that a guest makes while tar runs leads nowhere", async () => {
    await inGuest("mkdir -p ~/workspace/race/a; echo fine >~/workspace/race/a/secret");
    const swap =
      "cd ~/workspace/race; end=$(($(date +%s) + 6)); while [ $(date +%s) -lt $end ]; do " +
      "mv a b && ln -s /var/tmp/outside a; rm a; mv b a; done";
    const swapping = project.run(swap);
    for (let count = 0; count < 8; count++) {
      await project.call(["cp", "race", `vm:/tmp/race${count}`]);
      await project.call(["cp", "vm:/etc/hostname", "race/a/hostname"]);
    }
    await swapping;
    const found = await inGuest("grep -rl host-secret /tmp/race*; true");
    assert.equal(found, "");
    await nothingHappened();
  });

  await t.step("a look-alike of .nixbox is not run, from within it or by name", async () => {
    for (const words of [["up"], ["config"], ["plugins"], ["up", "--dry-run"], ["build"]]) {
      const stranger = { cwd: `${directory}/sub/deeper`, isUnread: true };
      const { code, stderr } = await project.call(words, stranger);
      assert.equal(code, 1, words.join(" "));
      assert.match(stderr, /was not accepted on this host/);
    }
    const byName = ["--project", `${directory}/sub`, "up"];
    assert.equal((await project.call(byName, { isUnread: true })).code, 1);
    await project.call(["down"], { cwd: `${directory}/sub` });
    await nothingHappened();
  });

  await t.step("down runs the hooks of before, and leaves the workspace to the user", async () => {
    const { code, stderr } = await project.down();
    assert.equal(code, 0, stderr);
    await nothingHappened();
  });

  await t.step("up refuses what a guest has written, and trust shows it", async () => {
    const words = ["up", "--runner", "/lab/runner"];
    const { code, stderr } = await project.call(words, { isUnread: true });
    assert.equal(code, 1);
    assert.match(stderr, /has changed since it was accepted/);
    assert.match(stderr, /tools\/tool/);
    const shown = await project.call(["trust"]);
    assert.equal(shown.code, 1, "there is no terminal to say yes on");
    assert.match(shown.stdout, /touch \/var\/tmp\/ran/);
    await nothingHappened();
  });

  await t.step("with the plugin as it was, each link is refused in its turn", async () => {
    await Deno.remove(`${directory}/tools/tool`);
    await project.configure(config.replace(/plugins = .*\n/, ""));
    const paths = ["data", "setup.sh", "token"];
    for (const path of paths) {
      const { code, stderr } = await project.up();
      assert.equal(code, 1);
      assert.match(stderr, new RegExp(`/${path} is a symlink that leads to /var/tmp/outside`));
      await Deno.remove(`${directory}/${path}`);
      if (path === "data") await Deno.mkdir(`${directory}/data`);
      else await Deno.writeTextFile(`${directory}/${path}`, "#!/bin/sh\n:\n");
    }
    const { code, stderr } = await project.up();
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(await inGuest("cat ~/workspace/token; env"), new RegExp(secret));
    await run(["rm", "-rf", outside, "/var/tmp/ran"]);
  });
});
