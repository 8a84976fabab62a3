import assert from "node:assert/strict";
import { childByStat } from "../../../lib/host/root/placed.ts";
import { testOnLinux } from "../support/systems.ts";

testOnLinux(
  "a child is found where the kernel lists none, by whom it names as its parent",
  async () => {
    const child = new Deno.Command("sh", {
      args: ["-c", "sleep 30 & wait"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let found: number | undefined;
    while (found === undefined) found = await childByStat(child.pid);
    const command = await Deno.readTextFile(`/proc/${found}/cmdline`);
    assert.match(command, /^(sleep|sh)\0/);
    assert.equal(await childByStat(found), undefined);
    Deno.kill(found, "SIGKILL");
    child.kill("SIGKILL");
    await child.status;
  },
);
