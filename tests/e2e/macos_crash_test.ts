/** What becomes of a machine on macOS' stand-ins when an act of `up` or `down` fails or is stopped. */
import assert from "node:assert/strict";
import {
  assertAllBroken,
  breakDown,
  breakUp,
  casesAfterBoot,
  casesBeforeBoot,
  learn,
} from "./support/crash.ts";
import { FaultyProject } from "./support/faults.ts";
import { onMac, TestProject } from "./support/machine.ts";

/** With the most to undo: a proxy, a share of vfkit's, and one over SSH. */
const config = `
  network = { mode = "filtered"; domains = [ "allowed.test" ]; };
  mounts = [ { source = "/usr/share/misc"; target = "/ro"; readonly = true; } ];
`;

/** What `up` does without, or finds out otherwise. */
const tolerated = /sandbox-exec|sysctl|sw_vers|vfkit --version/;

Deno.test("macOS: what fails, is interrupted or killed at any act leaves nothing", async (t) => {
  const [env = "env", path = "PATH=/"] = onMac;
  const words = [env, path, "NIXBOX_AS=mac"];
  await using faulty = await FaultyProject.make(config, "/lab/runner-vfkit", words);
  const { up, down } = await learn(faulty);
  // What both systems share is broken at every act in interrupt_test.ts: here every second one.
  const before = casesBeforeBoot(up).filter((_, index) => index % 2 === 0);
  const after = casesAfterBoot(up);
  await t.step("each step that is told is one that is broken", () => {
    assertAllBroken(up, [...before, ...after]);
  });
  await t.step("up, before there is a guest", (t) => breakUp(t, faulty, before, tolerated));
  await t.step("up, with a guest", (t) => breakUp(t, faulty, after, tolerated));
  await t.step("down", (t) => breakDown(t, faulty, down));
});

Deno.test("macOS: what kill -9 during up leaves, doctor finds, and the next up clears and boots", async () => {
  await using project = await TestProject.make(config, "box", onMac);
  const up = ["up", "--runner", "/lab/runner-vfkit"];
  await project.callUntil(up, "start the hypervisor", "SIGKILL");
  const found = await project.call(["doctor"]);
  assert.equal(found.code, 1);
  assert.match(found.stdout, /leftover: the machine box is left behind/);
  const again = await project.up("runner-vfkit");
  assert.equal(again.code, 0, again.stderr);
  assert.equal(
    (await project.run("curl -sS -o /dev/null -w up http://allowed.test/")).stdout,
    "up",
  );
});
