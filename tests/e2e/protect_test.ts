import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { parentOf } from "../../lib/base/paths.ts";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";

const identity = [
  ...["-c", "user.name=ann", "-c", "user.email=ann@test", "-c", "init.defaultBranch=main"],
];

async function git(directory: string, ...words: string[]): Promise<string> {
  return (await run(["git", "-C", directory, ...identity, ...words])).stdout;
}

/** Every file of a tree with its mode and content. */
async function tree(directory: string): Promise<string> {
  const script = 'cd "$0" && find . -printf "%p %y %m %l\\n" | sort && ' +
    "find . -type f -print0 | sort -z | xargs -0r sha256sum";
  return (await run(["sh", "-c", script, directory])).stdout;
}

/** A repository with a project in it, which nixbox knows. */
async function repository(directory: string, tracked: readonly string[]): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    ".nixbox/config.nix": "{ }\n",
    ".nixbox/.gitignore": "/ssh/\n",
    ".nixbox/plugins/mine/default.nix": "{ }\n",
    "file": "1\n",
  };
  for (const [name, text] of Object.entries(files)) {
    await Deno.mkdir(parentOf(`${directory}/${name}`), { recursive: true });
    if (!await exists(`${directory}/${name}`)) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
  }
  await Deno.writeTextFile(`${directory}/.nixbox/run.sh`, "#!/bin/sh\n", { mode: 0o755 });
  await git(directory, "init", "-q");
  for (const [name, value] of [["user.name", "ann"], ["user.email", "ann@test"]] as const) {
    await git(directory, "config", name, value);
  }
  await git(directory, "add", "file", ...tracked);
  await git(directory, "commit", "-qm", "first");
  // A branch where .nixbox is otherwise, and one that has gone on.
  await git(directory, "switch", "-qc", "other");
  if (tracked.length > 0) {
    await Deno.writeTextFile(`${directory}/.nixbox/config.nix`, '{ name = "other"; }\n');
    await git(directory, "add", ...tracked);
  }
  await Deno.writeTextFile(`${directory}/more`, "1\n");
  await git(directory, "add", "more");
  await git(directory, "commit", "-qm", "other");
  await git(directory, "switch", "-q", "main");
  await git(directory, "switch", "-qc", "ahead");
  await Deno.writeTextFile(`${directory}/ahead`, "1\n");
  await git(directory, "add", "ahead");
  await git(directory, "commit", "-qm", "ahead");
  await git(directory, "switch", "-q", "main");
  await git(directory, "gc", "-q");
}

/** All that an agent does with git; each line must succeed. */
const work = [
  'test -z "$(git status --porcelain .nixbox)"',
  "echo 2 >>file; git commit -qam second",
  'test "$(git show --name-only --format= HEAD)" = file',
  "echo 3 >>file; git stash -q; git stash pop -q; git add -A . ; git commit -qm third",
  'test "$(git show --name-only --format= HEAD)" = file',
  "git switch -q other; git switch -q main",
  "git switch -qc new; git switch -q main; git branch -D new",
  "git rebase -q ahead",
  "git merge -q --no-edit other~1",
  "git reset -q --hard; git gc -q",
  'test -z "$(git status --porcelain)"',
];

Deno.test("git works in the guest, and .nixbox stays as it is on the host", async (t) => {
  await using project = await TestProject.make(`
    mounts = [ { source = "../others"; target = "/mnt/others"; } ];
  `);
  const { directory } = project;
  const others = `${parentOf(directory)}/others`;
  const places: readonly (readonly [string, string, string, readonly string[]])[] = [
    ["tracked", directory, "/home/dev/workspace", [".nixbox"]],
    ["partly tracked", `${others}/partly`, "/mnt/others/partly", [".nixbox/config.nix"]],
    ["changed, not committed", `${others}/changed`, "/mnt/others/changed", [".nixbox"]],
    ["not tracked", `${others}/untracked`, "/mnt/others/untracked", []],
  ];
  for (const [, place, , tracked] of places) {
    await Deno.mkdir(place, { recursive: true });
    await repository(place, tracked);
    if (place !== directory) {
      const { code, stderr } = await project.call(["setup"], { cwd: place });
      assert.equal(code, 0, stderr);
    }
  }
  const changed = `${others}/changed/.nixbox/config.nix`;
  await Deno.writeTextFile(changed, '{ name = "not-committed"; }\n');
  await Deno.writeTextFile(`${others}/untracked/.git/info/exclude`, ".nixbox/\n");
  await project.mustUp();
  const before = new Map<string, string>();
  for (const [, place] of places) before.set(place, await tree(`${place}/.nixbox`));

  for (const [what, place, inGuest] of places) {
    await t.step(`${what}: status, commit, stash, switch, rebase, merge, reset`, async () => {
      const script = `set -e; export GIT_EDITOR=true; cd ${inGuest}\n${work.join("\n")}\n`;
      const { code, stdout, stderr } = await project.run("sh", "-xc", script);
      assert.equal(code, 0, stderr + stdout);
      assert.equal(await tree(`${place}/.nixbox`), before.get(place));
      const log = await git(place, "log", "--format=%s", "--", ".nixbox");
      assert.equal(log, await git(place, "log", "--format=%s", "ahead", "--", ".nixbox"));
    });

    await t.step(`${what}: clean -fdx and rm -r take nothing of the host's`, async () => {
      const script = `cd ${inGuest}; git clean -fdxq; git rm -rqf --cached .nixbox; ` +
        "rm -rf .nixbox; sudo rm -rf .nixbox; git reset -q --hard; git status --porcelain";
      await project.run("sh", "-c", script);
      assert.equal(await tree(`${place}/.nixbox`), before.get(place));
    });
  }

  await t.step("the guest sees what git has, and no key, of any project", async () => {
    const line = "cat ~/workspace/.nixbox/config.nix /mnt/others/changed/.nixbox/config.nix; " +
      "sudo find ~/workspace/.nixbox /mnt/others/*/.nixbox -type f | sort";
    const { stdout } = await project.run(line);
    assert.match(stdout, /memoryMB = 1024/);
    assert.doesNotMatch(stdout, /not-committed/);
    const files = stdout.split("\n").filter((name) => name.startsWith("/"));
    assert.deepEqual(files, [
      "/home/dev/workspace/.nixbox/.gitignore",
      "/home/dev/workspace/.nixbox/config.nix",
      "/home/dev/workspace/.nixbox/plugins/mine/default.nix",
      "/home/dev/workspace/.nixbox/run.sh",
      "/mnt/others/changed/.nixbox/.gitignore",
      "/mnt/others/changed/.nixbox/config.nix",
      "/mnt/others/changed/.nixbox/plugins/mine/default.nix",
      "/mnt/others/changed/.nixbox/run.sh",
      "/mnt/others/partly/.nixbox/config.nix",
    ]);
    assert.ok(await exists(`${others}/partly/.nixbox/ssh`), "there are keys on the host");
  });

  await t.step("no way to a project's .nixbox: neither rename nor a look-alike", async () => {
    const line = "cd /mnt/others; sudo mv partly away; sudo mv partly/.nixbox partly/x; " +
      "sudo umount partly/.nixbox; sudo mkdir -p partly/.nixbox/ssh; ls -A partly/.nixbox/ssh";
    const { stdout } = await project.run(line);
    assert.equal(stdout, "");
    assert.equal(await tree(`${others}/partly/.nixbox`), before.get(`${others}/partly`));
  });

  await t.step(
    "a project that comes to be in a share gets no keys while a machine sees it",
    async () => {
      const late = `${others}/late`;
      await Deno.mkdir(`${late}/.nixbox`, { recursive: true });
      await Deno.writeTextFile(`${late}/.nixbox/config.nix`, "{ }\n");
      const { code, stderr } = await project.call(["setup"], { cwd: late });
      assert.equal(code, 1);
      assert.match(stderr, /the machine box sees .*late\/\.nixbox/);
      assert.equal(await exists(`${late}/.nixbox/ssh`), false);
    },
  );
});

/** What the guest, as root, tries on each name; what it makes runs on the host if anybody obeys it. */
const attack = (place: string) =>
  `cd ${place}; evil='#!/bin/sh\ntouch /var/tmp/obeyed\n'; ` +
  "for name in .envrc .direnv .vscode .idea .zed .devcontainer .husky .pre-commit-config.yaml " +
  ".mcp.json .claude .codex .cursor .gemini .git/hooks .git/config .git/commondir; do " +
  'mv "$name" "$name.away"; rm -rf "$name" 2>/dev/null; mkdir -p "$name"; ' +
  'for file in "$name" "$name/settings.json" "$name/tasks.json" "$name/pre-commit" ' +
  '"$name/post-checkout"; do printf "%s" "$evil" >"$file"; ' +
  'chmod +x "$file"; ln -sf /tmp "$file"; printf "%s" "$evil" >"$file.new" && ' +
  'mv -f "$file.new" "$file"; done; umount "$name"; printf "%s" "$evil" >"$name/x"; done; ' +
  "mkdir -p evil/hooks evil/objects evil/refs; echo ../evil >.git/commondir; " +
  "mv .git .git2; rmdir .git; rm -f .git; ln -sfn /tmp .git; umount .git; mv .git .git2; " +
  "git init -q; rm -rf evil .git/x .*.new .git/*.new";

Deno.test("what this host's programs run or obey, a guest can neither change nor make", async (t) => {
  await using project = await TestProject.make(`
    mounts = [
      { source = "../plain"; target = "/mnt/plain"; }
      { source = "../free"; target = "/mnt/free"; protect = [ ]; }
      { source = "../mine"; target = "/mnt/mine"; protect = [ "deep/tool.sh" "missing/x" ]; }
    ];
  `);
  const { directory } = project;
  const parent = parentOf(directory);
  for (const name of ["plain", "free", "mine/deep"]) {
    await Deno.mkdir(`${parent}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(`${parent}/mine/deep/tool.sh`, "mine\n");
  await repository(directory, [".nixbox"]);
  const own: Readonly<Record<string, string>> = {
    ".envrc": "export A=1\n",
    ".vscode/settings.json": "{}\n",
    ".claude/settings.json": "{}\n",
    ".husky/pre-commit": "true\n",
    ".mcp.json": "{}\n",
  };
  for (const [name, text] of Object.entries(own)) {
    await Deno.mkdir(parentOf(`${directory}/${name}`), { recursive: true });
    await Deno.writeTextFile(`${directory}/${name}`, text);
  }
  await git(directory, "init", "-q", "--bare", "remote.git");
  await git(directory, "remote", "add", "origin", "./remote.git");
  await git(directory, "push", "-q", "origin", "main:main", "main:far");
  const kept = async () => {
    const parts = [".envrc", ".vscode", ".claude", ".husky", ".mcp.json", ".git/hooks"];
    const trees = await Promise.all(
      parts.map(async (name) => `${name} ${await tree(`${directory}/${name}`).catch(() => "")}`),
    );
    const texts = [".envrc", ".mcp.json", ".git/config"].map((name) =>
      Deno.readTextFileSync(`${directory}/${name}`)
    );
    return [...trees, ...texts].join("\n");
  };
  const before = await kept();
  const namesBefore = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
  const gitBefore = await git(directory, "rev-parse", "HEAD");
  await project.mustUp();

  await t.step("git's read, and the user's reading of them, is as before", async () => {
    assert.equal((await project.run("cat ~/workspace/.envrc")).stdout, "export A=1\n");
    const { code, stdout } = await project.run(
      "cd ~/workspace; git status --porcelain; git log --format=%s",
    );
    assert.equal(code, 0);
    assert.doesNotMatch(stdout, /\.direnv|\.idea|\.zed|\.codex/, "placeholders do not show");
    const onHost = (await git(directory, "status", "--porcelain")).trim().split("\n").sort();
    const own = [".claude/", ".envrc", ".husky/", ".mcp.json", ".vscode/", "remote.git/"];
    assert.deepEqual(onHost, own.map((name) => `?? ${name}`));
  });

  await t.step("root of the guest changes none and makes none", async () => {
    for (const place of ["/home/dev/workspace", "/mnt/plain"]) {
      await project.run("sudo", "sh", "-c", attack(place));
    }
    assert.equal(await kept(), before);
    assert.equal(await git(directory, "rev-parse", "HEAD"), gitBefore);
    assert.equal((await run(["find", `${parent}/plain`, "-type", "f"])).stdout, "");
    const hooks = (await run(["git", "-C", directory, "rev-parse", "--git-common-dir"])).stdout;
    assert.equal(await Deno.realPath(hooks.trim()), `${directory}/.git`);
    await git(directory, "switch", "-qc", "on-the-host");
    await git(directory, "switch", "-q", "main");
    assert.equal(await exists("/var/tmp/obeyed"), false);
  });

  await t.step("git says what it cannot do, and goes on", async () => {
    const goesOn = "cd ~/workspace; set -e; git fetch -q; git push -u origin HEAD:refs/heads/up; " +
      "git switch far; git status --porcelain file; git switch -q main; git pull -q origin main";
    const went = await project.run("sh", "-c", goesOn);
    assert.equal(went.code, 0, went.stderr);
    assert.match(went.stderr, /could not write config file/);
    const { code, stderr } = await project.run("cd ~/workspace; git remote add x y");
    assert.notEqual(code, 0);
    assert.match(stderr, /could not write config file/);
  });

  await t.step("protect names other files; [] turns it off", async () => {
    const line = "cd /mnt; echo x >free/.envrc; mkdir free/.vscode; echo x >mine/deep/tool.sh; " +
      "mv mine/deep mine/away; mkdir -p mine/missing/x; echo fine >mine/.envrc; echo x >mine/deep/other";
    await project.run("sudo", "sh", "-c", line);
    assert.equal(await Deno.readTextFile(`${parent}/free/.envrc`), "x\n");
    assert.equal(await Deno.readTextFile(`${parent}/mine/deep/tool.sh`), "mine\n");
    assert.equal(await Deno.readTextFile(`${parent}/mine/deep/other`), "x\n");
    assert.equal(await exists(`${parent}/mine/missing/x`), false);
  });

  await t.step(
    "no second name leads to what is held: hard links, links, a file kept open",
    async () => {
      const line =
        "cd ~/workspace; ln .git/config linked; ln .envrc linked2; ln -s .envrc by-link; " +
        "echo evil >>by-link; echo evil >>/proc/self/cwd/.envrc; exec 3<.envrc; echo evil >/proc/self/fd/3; " +
        "truncate -s 0 .git/config; chmod 777 .envrc; touch .envrc; setfattr -n user.x -v 1 .envrc; rm by-link";
      await project.run("sudo", "bash", "-c", line);
      assert.equal(await kept(), before);
      assert.equal(await exists(`${directory}/linked`), false);
    },
  );

  await t.step("status and down name what a guest made where nothing can be held", async () => {
    await project.run("mkdir ~/workspace/sub; cd ~/workspace/sub; git init -q; echo x >.envrc");
    const { stderr } = await project.call(["status"]);
    assert.match(stderr, /changed since the machine went up.*box\/sub\/\.envrc, .*box\/sub\/\.git/);
    const report = JSON.parse((await project.call(["status", "--json"])).stdout);
    assert.deepEqual(report.machines[0].changed, [
      `${directory}/sub/.envrc`,
      `${directory}/sub/.git`,
    ]);
    await git(directory, "config", "by.rename", "1");
    const replaced = JSON.parse((await project.call(["status", "--json"])).stdout);
    assert.ok(replaced.machines[0].changed.includes(`${directory}/.git/config`));
    await Deno.remove(`${directory}/sub/.envrc`);
    const down = await project.down();
    assert.equal(down.code, 0, down.stderr);
    assert.match(down.stderr, /changed since the machine went up.*box\/sub\/\.git/);
  });

  await t.step("down takes away what held the places", async () => {
    await Deno.remove(`${directory}/sub`, { recursive: true });
    const names = [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
    assert.deepEqual(names, namesBefore);
    assert.equal(await exists(`${directory}/.git/commondir`), false);
    assert.deepEqual([...Deno.readDirSync(`${parent}/plain`)], []);
  });
});
