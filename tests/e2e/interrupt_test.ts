/** Every act of `up` and of `down`, failing, interrupted and killed. */
import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import {
  assertAllBroken,
  breakDown,
  breakUp,
  casesAfterBoot,
  casesBeforeBoot,
  learn,
} from "./support/crash.ts";
import { bySteps, FaultyProject } from "./support/faults.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

/** The mode with the most to undo. */
const config = 'network = { mode = "filtered"; domains = [ "allowed.test" ]; };';

/** What `up` does without, or finds out otherwise. */
const tolerated =
  /unshare --user .* mount -t tmpfs|prlimit|dnsmasq --version|setpriv --help|DOCKER-USER|^mkdir .*\/box\/\.|log-watch/;

Deno.test("what fails, is interrupted or killed at any act of up or down leaves nothing", async (t) => {
  await using faulty = await FaultyProject.make(config, "/lab/runner");
  // As Docker leaves it: what a machine has there must go again.
  await run(["iptables", "-N", "DOCKER-USER"]);
  const { up, down } = await learn(faulty);
  const before = casesBeforeBoot(up);
  const after = casesAfterBoot(up);

  await t.step("each step that is told is one that is broken", () => {
    assertAllBroken(up, [...before, ...after]);
    assert.ok(before.some(({ act }) => act.step === "claim a network slot"));
    assert.ok((bySteps(down).get("clean up")?.length ?? 0) > 20);
  });
  await t.step("up, before there is a guest", (t) => breakUp(t, faulty, before, tolerated));
  await t.step("up, with a guest", (t) => breakUp(t, faulty, after, tolerated));
  await t.step("down", (t) => breakDown(t, faulty, down));
  await run(["iptables", "-X", "DOCKER-USER"]);
});

Deno.test("Ctrl-C on the command line undoes everything, and says so", async () => {
  await using project = await TestProject.make(config);
  const { code, stderr } = await project.callUntil(
    ["up", "--runner", "/lab/runner"],
    "start the hypervisor",
    "SIGINT",
  );
  assert.equal(code, 130, stderr);
  assert.match(stderr, /interrupted; everything was put back/);
  await assertNothingLeft();
});

Deno.test("what kill -9 during up leaves, doctor finds, and the next up clears and boots", async () => {
  await using project = await TestProject.make(config);
  await project.callUntil(["up", "--runner", "/lab/runner"], "share directories", "SIGKILL");
  const found = await project.call(["doctor"]);
  assert.equal(found.code, 1);
  assert.match(found.stdout, /leftover: the machine box is left behind/);
  await project.mustUp();
  assert.equal((await project.run("echo up")).stdout, "up\n");
});
