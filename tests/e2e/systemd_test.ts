import { equal, match } from "node:assert/strict";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

Deno.test("a guest with systemd boots, is provisioned, and goes gracefully", async () => {
  await using project = await TestProject.make('env.WORD = "it\'s $HOME";');
  const up = await project.up("runner-systemd");
  equal(up.code, 0, up.stderr);
  const look = 'systemctl is-active nixbox-provision; uname -n; echo "$WORD"; ls ~/workspace';
  equal((await project.run(look)).stdout, "active\nbox\nit's $HOME\n");
  const down = await project.down();
  equal(down.code, 0, down.stderr);
  match(down.stderr, /box is down/);
  await assertNothingLeft();
});
