/** What becomes of a machine on macOS' stand-ins when `up` is stopped in the middle. */
import assert from "node:assert/strict";
import { onMac, TestProject } from "./support/machine.ts";
import { clearByDoctor, interruptAfterEach, killAfterEach } from "./support/stopped.ts";

/** The steps of `up` in order, as it prints them when they are done. */
const steps = [
  "read the config",
  "write the record",
  "make directories",
  "start the proxy",
  "share directories",
  "write the provisioning disk",
  "start the hypervisor",
  "boot the guest",
  "log in",
  "share directories over SSH",
];

/** With the most to undo: a proxy, a share of vfkit's, and one over SSH. */
const config = `
  network = { mode = "filtered"; domains = [ "allowed.test" ]; };
  mounts = [ { source = "/usr/share/misc"; target = "/ro"; readonly = true; } ];
`;
const up = ["up", "--runner", "/lab/runner-vfkit"];

Deno.test("macOS: Ctrl-C after any step of up undoes everything that was done", async (t) => {
  await using project = await TestProject.make(config, "box", onMac);
  // After the last one it is up.
  await interruptAfterEach(t, project, up, steps.slice(0, -1));
});

Deno.test("macOS: what kill -9 after any step of up leaves, down clears", async (t) => {
  await using project = await TestProject.make(config, "box", onMac);
  await killAfterEach(t, project, up, steps.slice(1));
});

Deno.test("macOS: what kill -9 during up leaves, the next up clears and boots", async () => {
  await using project = await TestProject.make(config, "box", onMac);
  await project.callUntil(up, "start the hypervisor", "SIGKILL");
  const again = await project.up("runner-vfkit");
  assert.equal(again.code, 0, again.stderr);
  assert.equal(
    (await project.run("curl -sS -o /dev/null -w up http://allowed.test/")).stdout,
    "up",
  );
});

Deno.test("macOS: doctor finds what kill -9 left, and clears it with --fix", async () => {
  await using project = await TestProject.make(config, "box", onMac);
  await clearByDoctor(project, up, "share directories");
});
