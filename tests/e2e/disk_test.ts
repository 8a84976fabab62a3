import assert from "node:assert/strict";
import { run } from "../../lib/host/process.ts";
import { TestProject } from "./support/machine.ts";

/** The lab's runner, but for a disk that it makes where there is none, as microvm.nix's does. */
async function runnerWithDisk(): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "runner-" });
  await run(["cp", "-a", "/lab/runner/.", directory]);
  const script = `${directory}/bin/microvm-run`;
  const text = await Deno.readTextFile(script);
  const made = "set -eou pipefail\nif [ ! -e 'root.img' ]; then\n  touch 'root.img'\nfi\n";
  await Deno.writeTextFile(script, text.replace("set -eou pipefail\n", made));
  return directory;
}

Deno.test("a machine's disk outlives down, until up --fresh or down --forget", async (t) => {
  await using project = await TestProject.make();
  const runner = await runnerWithDisk();
  const up = (...words: string[]) => project.call(["up", ...words, "--runner", runner]);
  const { stdout } = await run(["sh", "-c", "echo ~"]);
  const state = `${Deno.env.get("XDG_STATE_HOME") ?? `${stdout.trim()}/.local/state`}/nixbox`;
  const files = async () =>
    (await run(["find", `${state}/projects`, "-name", "root.img", "-printf", "%s\n"])).stdout;

  await t.step("it stays over down", async () => {
    assert.equal((await up()).code, 0);
    const found = await run(["find", `${state}/projects`, "-name", "root.img"]);
    await Deno.writeTextFile(found.stdout.trim(), "kept\n");
    assert.equal((await project.down()).code, 0);
    assert.equal(await files(), "5\n");
  });

  await t.step("what fails before the machine starts leaves it", async () => {
    const failed = await project.call(["up", "--fresh", "--runner", "/nowhere"]);
    assert.equal(failed.code, 1);
    assert.equal(await files(), "5\n");
    const plan = await up("--fresh", "--dry-run");
    assert.match(plan.stderr, /disks would be removed/);
    assert.equal(await files(), "5\n");
  });

  await t.step(
    "up --fresh starts with an empty one, and not under a machine that is up",
    async () => {
      assert.equal((await up("--fresh")).code, 0);
      assert.equal(await files(), "0\n");
      const second = await up("--fresh");
      assert.equal(second.code, 1);
      assert.match(second.stderr, /is up, with its disk/);
      assert.equal((await project.run("true")).code, 0);
    },
  );

  await t.step("down --forget keeps nothing, and has nothing more to do then", async () => {
    const { code, stderr } = await project.call(["down", "--forget"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /removed: .*root\.img/);
    const left = await run(["find", `${state}/projects`, "-mindepth", "2", "!", "-name", "lock"]);
    assert.equal(left.stdout, "");
    assert.equal((await project.call(["down", "--forget"])).code, 0);
  });
});
