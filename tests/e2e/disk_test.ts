import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";

/** The lab's runner, but for a disk that it makes where there is none, as microvm.nix's does. */
async function runnerWithDisk(): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "runner-" });
  await run(["cp", "-a", "/lab/runner/.", directory]);
  const script = `${directory}/bin/microvm-run`;
  const text = await Deno.readTextFile(script);
  const made = "set -eou pipefail\nif [ ! -e 'root.img' ]; then\n  touch 'root.img'\nfi\n";
  await Deno.writeTextFile(script, text.replace("set -eou pipefail\n", made));
  await setVersion(directory, "25.11");
  return directory;
}

/** What the runner says of its guest's `system.stateVersion`. */
async function setVersion(runner: string, stateVersion: string): Promise<void> {
  const guest = { user: "dev", home: "/home/dev", stateVersion };
  await Deno.writeTextFile(`${runner}/share/nixbox/guest.json`, JSON.stringify(guest));
}

function names(directory: string): string[] {
  return [...Deno.readDirSync(directory)].map(({ name }) => name).sort();
}

Deno.test("a machine's disk outlives down, until up --fresh or down --forget", async (t) => {
  await using project = await TestProject.make();
  const runner = await runnerWithDisk();
  const up = (...words: string[]) => project.call(["up", ...words, "--runner", runner]);
  let state = "";
  const disk = () => Deno.readTextFile(`${state}/disks/root.img`);
  const version = () => Deno.readTextFile(`${state}/state-version`);

  await t.step("it stays over down", async () => {
    assert.equal((await up()).code, 0);
    const [machine] = JSON.parse((await project.call(["status", "--json"])).stdout).machines;
    state = `/root/.local/state/nixbox/projects/${machine.id}`;
    await Deno.writeTextFile(`${state}/disks/root.img`, "kept");
    assert.equal((await project.down()).code, 0);
    assert.equal(await disk(), "kept");
    assert.equal(await version(), "25.11\n");
  });

  await t.step(
    "a runner of another state version is warned of, but with an empty disk",
    async () => {
      await setVersion(runner, "26.05");
      const says = /system\.stateVersion is 26\.05, and the machine's disk was made with 25\.11/;
      assert.match((await up("--dry-run")).stderr, says);
      assert.doesNotMatch((await up("--fresh", "--dry-run")).stderr, says);
    },
  );

  await t.step("what fails before the machine starts leaves it", async () => {
    const failed = await project.call(["up", "--fresh", "--runner", "/nowhere"]);
    assert.equal(failed.code, 1);
    assert.equal(await disk(), "kept");
    const plan = await up("--fresh", "--dry-run");
    assert.match(plan.stderr, /disks would be removed/);
    assert.equal(await disk(), "kept");
  });

  await t.step(
    "up --fresh starts with an empty one, and not under a machine that is up",
    async () => {
      assert.equal((await up("--fresh")).code, 0);
      assert.equal(await disk(), "");
      assert.equal(await version(), "26.05\n");
      // Else another project's machine would show its keys.
      assert.ok(await exists(`${state}/project.json`));
      const second = await up("--fresh");
      assert.equal(second.code, 1);
      assert.match(second.stderr, /is up, with its disk/);
      assert.equal((await project.run("true")).code, 0);
    },
  );

  await t.step(
    "down --forget keeps only what hides and protects the project, and has nothing more to do then",
    async () => {
      const { code, stderr } = await project.call(["down", "--forget"]);
      assert.equal(code, 0, stderr);
      assert.match(stderr, /removed: .*disks/);
      assert.deepEqual(names(state), ["accepted", "lock", "logs", "project.json"]);
      const again = await project.call(["down", "--forget"]);
      assert.equal(again.code, 0);
      assert.doesNotMatch(again.stderr, /removed/);
    },
  );
});
