import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { nixboxArgv, TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

Deno.test("an ordinary user with sudo boots a machine whose processes are that user's", async () => {
  await using project = await TestProject.make(
    'network = { mode = "filtered"; domains = [ "allowed.test" ]; };',
  );
  await run(["chown", "-R", "dev:dev", project.directory]);
  const call = (...words: string[]) =>
    run(["as-dev", ...nixboxArgv(...words)], {
      cwd: project.directory,
      accept: "any",
      timeoutMs: 120_000,
    });
  try {
    assert.equal((await call("trust", "--yes")).code, 0);
    const up = await call("up", "--runner", "/lab/runner");
    assert.equal(up.code, 0, up.stderr);
    const { stdout: owners } = await run(["ps", "-eo", "user=,args="]);
    const line = (name: RegExp) => owners.split("\n").find((text) => name.test(text)) ?? "";
    assert.match(line(/microvm@nixbox/), /^dev /);
    assert.match(line(/virtiofsd --socket/), /^dev /);
    const made = await call("run", "id -u; touch ~/workspace/made; ls -A ~/workspace/.nixbox");
    assert.equal(made.stdout, "1000\n");
    assert.equal((await Deno.stat(`${project.directory}/made`)).uid, 1000);
    assert.equal((await call("run", "curl -sS -m 5 http://allowed.test/")).code, 0);
    assert.notEqual((await call("run", "curl -sS -m 5 http://80.0.113.11/")).code, 0);
    assert.equal((await call("network", "allow", "evil.test")).code, 0);
    assert.equal((await call("run", "curl -sS -m 5 http://evil.test/")).code, 0);
    assert.match((await call("network", "log")).stdout, /80\.0\.113\.11 tcp\/80/);
    await assertAsksRootOnce(project.directory);
    const logs = await call("logs", "dnsmasq");
    assert.match(logs.stdout, /DHCP/, logs.stderr);
    const doctor = await call("doctor");
    assert.equal(doctor.code, 0, doctor.stdout);
  } finally {
    const { code, stderr } = await call("down");
    assert.equal(code, 0, stderr);
  }
  await assertNothingLeft();
});

/** However long `network log -f` goes on, it becomes root once. */
async function assertAsksRootOnce(directory: string): Promise<void> {
  const log = "/var/log/sudo-of-test.log";
  await Deno.writeTextFile("/etc/sudoers.d/log", `Defaults logfile="${log}"\n`, { mode: 0o440 });
  try {
    const follow = [
      "timeout",
      "--signal=INT",
      "15",
      "as-dev",
      ...nixboxArgv("network", "log", "-f"),
    ];
    const { stdout } = await run(follow, { cwd: directory, accept: "any", timeoutMs: 60_000 });
    assert.match(stdout, /80\.0\.113\.11 tcp\/80/);
    const asked = (await Deno.readTextFile(log)).split("\n").filter((line) =>
      line.includes("USER=root")
    );
    assert.equal(asked.length, 1, asked.join("\n"));
  } finally {
    await Deno.remove("/etc/sudoers.d/log");
  }
}

Deno.test("what root runs for an ordinary user ends in time", async (t) => {
  const program = `
    import { runAsRoot } from "/src/lib/host/root/as_root.ts";
    import { run } from "/src/lib/host/process/run.ts";
    import { privilegeOf } from "/src/lib/host/root/privilege.ts";
    const started = performance.now();
    const host = { privilege: privilegeOf(Deno.uid()) };
    const work = Deno.args[0] === "as root"
      ? runAsRoot(host, ["sleep", "47"], undefined, { timeoutMs: 500 })
      : run(["sudo", "--", "sleep", "48"], { timeoutMs: 500 });
    await work.catch((error) => console.log(error.message));
    console.log(performance.now() - started < 20_000 ? "in time" : "late");`;
  const as = (how: string) => run(["as-dev", "deno", "eval", program, how], { timeoutMs: 60_000 });
  await t.step("by root's own timeout", async () => {
    const { stdout } = await as("as root");
    assert.match(stdout, /^\S*sleep 47: no end after 0\.5 s\nin time$/m);
    const left = await run(["pgrep", "-f", "sleep 47"], { accept: [1] });
    assert.equal(left.stdout, "");
  });
  await t.step("by sudo itself", async () => {
    const { stdout } = await as("by sudo");
    assert.match(stdout, /^sudo -- \S*sleep 48: no end after 0\.5 s, .*\nin time$/m);
  });
});
