import assert from "node:assert/strict";
import { TestProject } from "../e2e/support/machine.ts";
import { assetsWithPaths } from "./support/stand_in.ts";

Deno.test("update renews the lock and builds with it, and nothing else changes a lock", async (t) => {
  const { assets, inputs } = await assetsWithPaths();
  await using project = await TestProject.make('user = "dev";');
  const env = { NIXBOX_ASSETS: assets };
  const call = (...words: string[]) => project.call(words, { env });
  const lock = () => Deno.readTextFile(`${project.directory}/.nixbox/flake.lock`);
  const hash = async () => JSON.parse((await call("build", "--json")).stdout).hash;
  const change = (name: string, text: string) =>
    Deno.writeTextFile(`${inputs}/${name}/changed`, text);
  const first = await hash();
  const firstLock = await lock();

  await t.step("with nothing new, nothing changes", async () => {
    const { code, stdout, stderr } = await call("update");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /everything was new already/);
    assert.equal(await lock(), firstLock);
  });

  await t.step("an input that has changed is not taken by build", async () => {
    await change("microvm", "1");
    await change("nixpkgs", "1");
    await call("build", "-f");
    assert.equal(await lock(), firstLock);
  });

  await t.step("--input renews that one, and says what became of it", async () => {
    const { code, stdout, stderr } = await call("update", "--input", "microvm");
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^microvm +\S+ .* -> +\S+/m);
    assert.doesNotMatch(stdout, /nixpkgs/);
    assert.notEqual(await lock(), firstLock);
    assert.notEqual(await hash(), first);
  });

  await t.step("update takes the rest, as data too", async () => {
    const { stdout } = await call("update", "--json");
    const { changes, built } = JSON.parse(stdout);
    assert.deepEqual(changes.map(({ input }: { input: string }) => input), ["nixpkgs"]);
    assert.equal(await hash(), built.hash, "the next build is the one that update made");
  });

  await t.step("a machine that is up keeps its build, and that is said", async () => {
    const up = await call("up");
    assert.equal(up.code, 0, up.stderr);
    await change("nixpkgs", "2");
    const { stderr } = await call("update");
    assert.match(stderr, /the machine that is up has the build from before/);
    assert.equal((await project.run("echo on")).stdout, "on\n");
    await call("down");
  });

  await t.step("an unknown input is named, with those that there are", async () => {
    const { code, stderr } = await call("update", "--input", "nixpkg");
    assert.equal(code, 2);
    assert.match(stderr, /no input nixpkg[^]*microvm, nixpkgs/);
  });

  await t.step("a build that fails leaves lock and build as they were", async () => {
    const [lockBefore, hashBefore] = [await lock(), await hash()];
    await Deno.writeTextFile(`${inputs}/microvm/flake.nix`, "{ outputs = _: { }; }");
    const { code, stderr } = await call("update");
    assert.equal(code, 1);
    assert.match(stderr, /error:/);
    assert.equal(await lock(), lockBefore);
    assert.equal(await hash(), hashBefore);
    assert.equal((await call("up", "--no-build", "--dry-run")).code, 0);
  });

  await t.step("an input that cannot be fetched is told, and nothing changes", async () => {
    const before = await lock();
    await Deno.remove(`${inputs}/microvm`, { recursive: true });
    const { code, stderr } = await call("update");
    assert.equal(code, 1);
    assert.match(stderr, /the inputs could not be renewed: .*\n[^]*are what they were/);
    assert.equal(await lock(), before);
  });
});
