import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

/** Calls that must fail before or during `up`: what is said, and that nothing stays. */
const refused: readonly {
  readonly claim: string;
  readonly runner: string;
  readonly says: RegExp;
  readonly options?: readonly string[];
}[] = [
  {
    claim: "a directory without a runner is named",
    runner: "nothing-here",
    says: /holds no runner.*nothing-here/s,
  },
  {
    claim: "a runner that does not parse is shown by its line",
    runner: "runner-unparsable",
    says: /microvm-run:\d+/,
  },
  {
    claim: "a runner that lacks what nixbox must set is named",
    runner: "runner-unfit",
    says: /microvm-run:\d+/,
  },
  {
    claim: "a hypervisor that dies at once is told with its last words",
    runner: "runner-dies-at-once",
    says: /hypervisor ended \(exit 7\).*no such device/s,
  },
  {
    claim: "a hypervisor that dies after two seconds is told with its last words",
    runner: "runner-dies-soon",
    says: /hypervisor ended \(exit 7\).*no such device/s,
  },
  {
    claim: "a guest that never asks for an address is diagnosed",
    runner: "runner-nodhcp",
    options: ["--timeout", "14"],
    says: /link: the tap is up.*lease: the guest asked for no address.*port: nothing answers/s,
  },
  {
    claim: "a guest that never opens ssh is diagnosed",
    runner: "runner-nosshd",
    options: ["--timeout", "30"],
    says: /lease: the guest has 10\.201\.0\.2.*port: 10\.201\.0\.2 answers, but no sshd listens/s,
  },
];

for (const { claim, runner, says, options = [] } of refused) {
  Deno.test(`${claim}, and everything is undone`, async () => {
    await using project = await TestProject.make();
    const { code, stderr } = await project.up(runner, ...options);
    assert.equal(code, 1, stderr);
    assert.match(stderr, says);
    await assertNothingLeft();
  });
}

Deno.test("a hypervisor that dies after boot is told by run and cleared by down", async () => {
  await using project = await TestProject.make();
  await project.mustUp();
  await run(["pkill", "-KILL", "-f", "microvm@nixbox"]);
  const { code, stderr } = await project.run("true");
  assert.equal(code, 3);
  assert.match(stderr, /has died: its hypervisor ended/);
  assert.match(stderr, /sshd listens/);
  assert.match((await project.call(["status"])).stdout, /dead/);
  assert.equal((await project.call(["doctor"])).code, 1);
  const down = await project.down();
  assert.equal(down.code, 0);
  assert.match(down.stderr, /was dead/);
  await assertNothingLeft();
});

Deno.test("up after a crash of the hypervisor clears it and boots again", async () => {
  await using project = await TestProject.make();
  await project.mustUp();
  await run(["pkill", "-KILL", "-f", "microvm@nixbox"]);
  await project.mustUp();
  assert.equal((await project.run("echo again")).stdout, "again\n");
});

Deno.test("a guest that is deaf to poweroff and power button is ended within 15 seconds", async () => {
  await using project = await TestProject.make();
  assert.equal((await project.up("runner-deaf")).code, 0);
  const { code, stderr } = await project.call(["down"], { timeoutMs: 15_000 });
  assert.equal(code, 0);
  assert.match(stderr, /was ended by force/);
  await assertNothingLeft();
});

Deno.test("a guest that stands still without closing its connections is ended by down", async () => {
  await using project = await TestProject.make();
  await project.mustUp();
  const pid = Number((await run(["pgrep", "-f", "^microvm@nixbox"])).stdout);
  // Again and again: down lets go on what stands still.
  const stopping = setInterval(() => {
    try {
      Deno.kill(pid, "SIGSTOP");
    } catch {
      // It has ended.
    }
  }, 5);
  const { code, stderr } = await project.call(["down"], { timeoutMs: 15_000 });
  clearInterval(stopping);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /was ended by force/);
  await assertNothingLeft();
});

Deno.test("a machine that somebody stopped goes on for down, so that its guest can be asked", async () => {
  await using project = await TestProject.make();
  await project.mustUp();
  await run(["pkill", "-STOP", "-f", "^microvm@nixbox"]);
  const { code, stdout } = await project.down("--json");
  assert.equal(code, 0);
  assert.match(stdout, /"graceful"/);
  await assertNothingLeft();
});

Deno.test("down works with a broken config, and with the config gone", async () => {
  await using project = await TestProject.make();
  await project.mustUp();
  await project.writeConfig("{ this is not nix");
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
  await project.configure("");
  await project.mustUp();
  await Deno.remove(`${project.directory}/.nixbox/config.nix`);
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});

Deno.test("a script that fails fails up, with its last words, and undoes everything", async () => {
  await using project = await TestProject.make("scripts = [ ./bad.sh ];");
  const script = "#!/bin/sh\necho doing it; echo went wrong >&2; exit 9\n";
  await Deno.writeTextFile(`${project.directory}/.nixbox/bad.sh`, script);
  const { code, stderr } = await project.up();
  assert.equal(code, 1);
  assert.match(stderr, /bad\.sh failed in the guest \(exit 9\)/);
  assert.match(stderr, /went wrong/);
  await assertNothingLeft();
});

Deno.test("an up that fails at its first step gives its slot and its memory back", async () => {
  await using project = await TestProject.make();
  await project.accept();
  const machines = `${Deno.env.get("HOME")}/.local/state/nixbox/machines`;
  await Deno.mkdir(machines, { recursive: true });
  await run(["mount", "--bind", machines, machines]);
  await run(["mount", "-o", "remount,bind,ro", machines]);
  try {
    const { code, stderr } = await project.up();
    assert.equal(code, 1);
    assert.match(stderr, /✗ write the record[^]*Read-only file system/);
  } finally {
    await run(["umount", machines]);
  }
  await assertNothingLeft();
});

Deno.test("down ends an up that hangs, in a script or before there is a record, and all is undone", async (t) => {
  await using project = await TestProject.make(`scripts = [ ../hang.sh ];`);
  await Deno.writeTextFile(`${project.directory}/hang.sh`, "#!/bin/sh\necho hanging\nsleep 600\n");
  const cases = [
    ["in a script", "hanging", ""],
    ["in a hook", "hook hangs", 'hooks.pre-up = [ "echo hook hangs >&2; sleep 600" ];'],
  ] as const;
  for (const [what, sign, config] of cases) {
    await t.step(what, async () => {
      await project.configure(`scripts = [ ../hang.sh ]; ${config}`);
      await project.accept();
      const up = project.start(["up", "--runner", "/lab/runner"]);
      await up.untilItSays(sign);
      const { code, stderr } = await project.down();
      assert.equal(code, 0, stderr);
      assert.match(stderr, /an up of this project is under way/);
      assert.equal((await up.ended).code, 130);
      await assertNothingLeft();
    });
  }
});

Deno.test("a down that is under way is not a leftover, and one that was killed is", async () => {
  await using project = await TestProject.make('hooks.pre-down = [ "true" ];');
  await project.up("runner-deaf");
  const down = project.start(["down"]);
  await down.untilItSays("pre-down hook");
  const during = await project.call(["doctor"]);
  assert.doesNotMatch(during.stdout, /leftover/);
  down.kill("SIGKILL");
  await down.ended;
  const after = await project.call(["doctor"]);
  assert.match(after.stdout, /leftover: the machine box is left behind/);
  assert.equal((await project.call(["doctor", "--fix"])).code, 0);
  await assertNothingLeft();
});

Deno.test("a command's own exit status 255 is not a lost connection", async () => {
  await using project = await TestProject.make();
  await project.mustUp();
  const script = "import { openProject } from 'nixbox'; const p = await openProject('.'); " +
    "const { code } = await p.output(['sh', '-c', 'exit 255']); console.log('code', code);";
  const file = `${project.directory}/out.ts`;
  await Deno.writeTextFile(file, script);
  const { stdout } = await run(
    ["deno", "run", "-A", "--config=/src/deno.json", "--no-lock", file],
    {
      cwd: project.directory,
    },
  );
  assert.equal(stdout, "code 255\n");
  assert.equal((await project.run("sh", "-c", "exit 255")).code, 255);
});
