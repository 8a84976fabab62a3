import assert from "node:assert/strict";
import { TestProject } from "./support/machine.ts";
import { clearByDoctor, interruptAfterEach, killAfterEach } from "./support/stopped.ts";

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
  await interruptAfterEach(t, project, up, steps);
});

Deno.test("what kill -9 after any step of up leaves, down clears", async (t) => {
  await using project = await TestProject.make(config);
  await killAfterEach(t, project, up, steps.slice(1));
});

Deno.test("what kill -9 during up leaves, the next up clears and boots", async () => {
  await using project = await TestProject.make(config);
  await project.callUntil(up, "start the hypervisor", "SIGKILL");
  await project.mustUp();
  assert.equal((await project.run("echo up")).stdout, "up\n");
});

Deno.test("doctor finds what kill -9 left, and clears it with --fix", async () => {
  await using project = await TestProject.make(config);
  await clearByDoctor(project, up, "share directories");
});
