import assert from "node:assert/strict";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

/** The steps of `up` in order, as it prints them when they are done. */
const steps = [
  "read the config",
  "write the record",
  "make directories",
  "load the firewall",
  "make the tap",
  "forward packets",
  "start network services",
  "share directories",
  "write the provisioning disk",
  "start the hypervisor",
  "boot the guest",
  "log in",
];

/** The mode with the most to undo. */
const config = 'network = { mode = "filtered"; domains = [ "allowed.test" ]; };';

const up = ["up", "--runner", "/lab/runner"];

Deno.test("Ctrl-C after any step of up undoes everything that was done", async (t) => {
  await using project = await TestProject.make(config);
  for (const step of steps) {
    await t.step(step, async () => {
      const { code, stderr } = await project.callUntil(up, step, "SIGINT");
      assert.equal(code, 130, stderr);
      assert.match(stderr, /interrupted/);
      await assertNothingLeft();
    });
  }
});

Deno.test("what kill -9 after any step of up leaves, down clears", async (t) => {
  await using project = await TestProject.make(config);
  for (const step of steps.slice(1)) {
    await t.step(step, async () => {
      await project.callUntil(up, step, "SIGKILL");
      const { code, stderr } = await project.down();
      assert.equal(code, 0, stderr);
      await assertNothingLeft();
    });
  }
});

Deno.test("what kill -9 during up leaves, the next up clears and boots", async () => {
  await using project = await TestProject.make(config);
  await project.callUntil(up, "start the hypervisor", "SIGKILL");
  await project.mustUp();
  assert.equal((await project.run("echo up")).stdout, "up\n");
});

Deno.test("doctor finds what kill -9 left, and clears it with --fix", async () => {
  await using project = await TestProject.make(config);
  await project.callUntil(up, "share directories", "SIGKILL");
  const found = await project.call(["doctor"]);
  assert.equal(found.code, 1);
  assert.match(found.stdout, /leftover: the machine box is left behind/);
  const fixed = await project.call(["doctor", "--fix"]);
  assert.match(fixed.stdout, /cleared: the machine box/);
  await assertNothingLeft();
});
