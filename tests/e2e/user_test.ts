import assert from "node:assert/strict";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";
import { run } from "../../lib/host/process.ts";

/** Runs this file's body again as the lab's ordinary user, who has sudo and no session. */
const asUser = ["setpriv", "--reuid", "1000", "--regid", "1000", "--init-groups", "--"];

Deno.test("an ordinary user with sudo boots a machine whose processes are that user's", async () => {
  const env = { HOME: "/home/dev", USER: "dev", XDG_RUNTIME_DIR: "/run/user/1000" };
  await using project = await TestProject.make();
  // Without a daemon the store belongs to whoever uses it.
  await run(["chown", "-R", "dev:dev", project.directory, "/nix"]);
  const call = (...words: string[]) => userCall(project, words, env);
  const up = await call("up", "--runner", "/lab/runner");
  assert.equal(up.code, 0, up.stderr);
  const { stdout: owners } = await run(["ps", "-eo", "user=,args="]);
  const line = (name: RegExp) => owners.split("\n").find((text) => name.test(text)) ?? "";
  assert.match(line(/microvm@nixbox/), /^dev /);
  assert.match(line(/virtiofsd --socket/), /^dev /);
  const made = await call("run", "id -u; touch ~/workspace/made; ls -A ~/workspace/.nixbox");
  assert.equal(made.stdout, "1000\n");
  assert.equal((await Deno.stat(`${project.directory}/made`)).uid, 1000);
  const logs = await call("logs", "dnsmasq");
  assert.match(logs.stdout, /DHCP/, logs.stderr);
  assert.equal((await call("doctor")).code, 0);
  assert.equal((await call("down")).code, 0);
  await assertNothingLeft();
});

async function userCall(
  project: TestProject,
  words: readonly string[],
  env: Record<string, string>,
) {
  const { nixboxArgv } = await import("./support/machine.ts");
  return await run([...asUser, ...nixboxArgv(...words)], {
    cwd: project.directory,
    env,
    accept: "any",
    timeoutMs: 120_000,
  });
}
