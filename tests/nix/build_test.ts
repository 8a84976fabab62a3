import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "../e2e/support/machine.ts";
import { assertNothingLeft } from "../e2e/support/traces.ts";
import { lockStandIns } from "./support/stand_in.ts";

/** A project whose flake inputs are the stand-ins. */
async function standInProject(config = "", name = "box"): Promise<TestProject> {
  const project = await TestProject.make(config, name);
  await lockStandIns(`${project.directory}/.nixbox`);
  return project;
}

/** Whether a build asked Nix to build something. */
function asked(stderr: string): boolean {
  return /building (vm-runner|microvm-runner)/.test(stderr);
}

Deno.test("up builds with the real nix, and boots what it built", async () => {
  await using project = await standInProject(
    'user = "dev"; nix.packages = [ "hello" ];',
    "built box",
  );
  const up = await project.call(["up"]);
  assert.equal(up.code, 0, up.stderr);
  assert.match(up.stderr, /building microvm-runner/);
  const { stdout } = await project.run("cat /proc/cmdline");
  assert.match(stdout, /packages=\/nix\/store\/[a-z0-9]{32}-hello/);
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});

Deno.test("a build is made once, and again only when something that it depends on changes", async (t) => {
  await using project = await standInProject(
    "nix.modules = [ ./guest.nix ]; scripts = [ ./s.sh ];",
    "once",
  );
  const { directory } = project;
  const write = (name: string, text: string) =>
    Deno.writeTextFile(`${directory}/.nixbox/${name}`, text);
  await write("guest.nix", "{ imports = [ ./more/extra.nix ]; }\n");
  await Deno.mkdir(`${directory}/.nixbox/more`);
  await write("more/extra.nix", "{ }\n");
  await write("s.sh", "#!/bin/sh\n");
  const build = async () => {
    const { code, stderr } = await project.call(["build"]);
    assert.equal(code, 0, stderr);
    const report = JSON.parse((await project.call(["build", "--json"])).stdout);
    assert.equal(report.isFresh, false);
    return { hash: report.hash, asked: asked(stderr) };
  };
  const first = await build();
  assert.equal(first.asked, true);

  await t.step("nothing changed: Nix is not asked", async () => {
    const { stderr } = await project.call(["build"]);
    assert.equal(asked(stderr), false);
  });
  await t.step("a value of env changed: that decides nothing", async () => {
    await project.configure(
      'nix.modules = [ ./guest.nix ]; scripts = [ ./s.sh ]; env.A = "new";',
    );
    assert.equal((await build()).hash, first.hash);
  });
  let last = first.hash;
  const changes: readonly [string, () => Promise<void>][] = [
    ["a module", () => write("guest.nix", "{ imports = [ ./more/extra.nix ]; x = 1; }\n")],
    ["what a module imports", () => write("more/extra.nix", "{ y = 1; }\n")],
    ["a script", () => write("s.sh", "#!/bin/sh\necho changed\n")],
    [
      "a package of the config",
      () =>
        project.configure(
          'nix.modules = [ ./guest.nix ]; scripts = [ ./s.sh ]; nix.packages = [ "hello" ];',
        ),
    ],
    ["the lock", async () => {
      const file = `${directory}/.nixbox/flake.lock`;
      const lock = JSON.parse(await Deno.readTextFile(file));
      await Deno.writeTextFile(file, JSON.stringify(lock, null, 2));
    }],
  ];
  for (const [what, change] of changes) {
    await t.step(`${what} changed: there is another build`, async () => {
      await change();
      const { hash } = await build();
      assert.notEqual(hash, last);
      last = hash;
    });
  }
});

/** Whether the garbage collector would keep a path of the store for a link of the project's state. */
async function isRooted(path: string): Promise<boolean> {
  const { stdout } = await run(["nix-store", "--query", "--roots", path]);
  return stdout.includes("/build/results/");
}

Deno.test("what a running machine is made of stays in the store until down", async () => {
  await using project = await standInProject('user = "dev";', "rooted");
  const build = async (): Promise<string> =>
    JSON.parse((await project.call(["build", "--json"])).stdout).runnerDirectory;
  const rebuild = async (packages: string) => {
    await project.configure(`user = "dev"; nix.packages = [ ${packages} ];`);
    return await build();
  };
  const first = await build();
  assert.equal((await project.call(["up"])).code, 0);
  const second = await rebuild('"hello"');
  const third = await rebuild('"hello" "git"');
  assert.deepEqual(
    [await isRooted(first), await isRooted(second), await isRooted(third)],
    [true, false, true],
  );
  assert.equal((await project.down()).code, 0);
  const fourth = await rebuild('"git"');
  assert.deepEqual(
    [await isRooted(first), await isRooted(third), await isRooted(fourth)],
    [false, false, true],
  );
});

Deno.test("new keys are not a reason to build again", async () => {
  await using project = await standInProject();
  const build = async () => JSON.parse((await project.call(["build", "--json"])).stdout).hash;
  const before = await build();
  assert.equal((await project.call(["setup", "--rotate"])).code, 0);
  assert.equal(await build(), before);
});

Deno.test("no secret of env comes into the Nix store or the stage", async () => {
  const canary = "canary-7f3a9c";
  await using project = await standInProject(`env.TOKEN = "${canary}";`);
  const { code, stderr } = await project.call(["build"]);
  assert.equal(code, 0, stderr);
  const home = Deno.env.get("HOME") ?? "";
  const places = ["/nix/store", `${home}/.local/state/nixbox`];
  const { stdout } = await run(["grep", "-rlF", canary, ...places], { accept: [1] });
  assert.equal(stdout, "");
});

Deno.test("a build needs no git identity and makes no commit", async () => {
  await using project = await standInProject();
  const { directory } = project;
  await run(["git", "init", "-q", directory]);
  const env = { GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null" };
  const { code, stderr } = await project.call(["build"], { env });
  assert.equal(code, 0, stderr);
  const log = await run(["git", "-C", directory, "log"], { accept: "any" });
  assert.notEqual(log.code, 0);
});

Deno.test("a package that nixpkgs lacks is named", async () => {
  await using project = await standInProject('nix.packages = [ "no-such-thing" ];');
  const { code, stderr } = await project.call(["build"]);
  assert.equal(code, 1);
  assert.match(stderr, /nixpkgs has no package "no-such-thing"/);
});

Deno.test("a build that fails shows the builder's last lines", async () => {
  await using project = await standInProject('nix.packages = [ "broken" ];');
  const { code, stderr } = await project.call(["build"]);
  assert.equal(code, 1);
  assert.match(stderr, /this builder fails on purpose/);
});

Deno.test("a disk that fills up while staging is named, and no half stage is left", async () => {
  await using project = await standInProject();
  const state = await Deno.makeTempDir({ prefix: "nixbox-full-" });
  await run(["mount", "-t", "tmpfs", "-o", "size=48k", "none", state]);
  try {
    const { code, stderr } = await project.call(["build"], { env: { XDG_STATE_HOME: state } });
    assert.equal(code, 1);
    assert.match(stderr, /no space left on the disk/);
    const { stdout } = await run(["find", state, "-name", "*.unfinished"]);
    assert.equal(stdout, "");
  } finally {
    await run(["umount", state]);
  }
});

Deno.test("up --no-build takes the last build, and says so where there is none", async () => {
  await using project = await standInProject();
  const { code, stderr } = await project.call(["up", "--no-build"]);
  assert.equal(code, 1);
  assert.match(stderr, /has not been built/);
  await assertNothingLeft();
});
