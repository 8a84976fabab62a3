import assert from "node:assert/strict";
import type { TestProject } from "./machine.ts";
import { assertNothingLeft } from "./traces.ts";

/** Ctrl-C after each of these steps of `up` undoes everything that was done. */
export async function interruptAfterEach(
  t: Deno.TestContext,
  project: TestProject,
  up: readonly string[],
  steps: readonly string[],
): Promise<void> {
  for (const step of steps) {
    await t.step(step, async () => {
      const { code, stderr } = await project.callUntil(up, step, "SIGINT");
      assert.equal(code, 130, stderr);
      assert.match(stderr, /interrupted/);
      await assertNothingLeft();
    });
  }
}

/** What kill -9 after each of these steps of `up` leaves, `down` clears. */
export async function killAfterEach(
  t: Deno.TestContext,
  project: TestProject,
  up: readonly string[],
  steps: readonly string[],
): Promise<void> {
  for (const step of steps) {
    await t.step(step, async () => {
      await project.callUntil(up, step, "SIGKILL");
      const { code, stderr } = await project.down();
      assert.equal(code, 0, stderr);
      await assertNothingLeft();
    });
  }
}

/** doctor finds what kill -9 after a step of `up` left, and clears it with --fix. */
export async function clearByDoctor(
  project: TestProject,
  up: readonly string[],
  step: string,
): Promise<void> {
  await project.callUntil(up, step, "SIGKILL");
  const found = await project.call(["doctor"]);
  assert.equal(found.code, 1);
  assert.match(found.stdout, /leftover: the machine box is left behind/);
  const fixed = await project.call(["doctor", "--fix"]);
  assert.match(fixed.stdout, /cleared: the machine box/);
  await assertNothingLeft();
}
