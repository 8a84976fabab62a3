import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

Deno.test("of ten machines started at once with memory for two, two start and eight are refused", async () => {
  const { available } = Deno.systemMemoryInfo();
  // Two fit, a third does not, whatever this machine has.
  const memoryMB = Math.floor(available / 1048576 / 2.6);
  const projects = await Promise.all(
    Array.from({ length: 10 }, (_, index) => TestProject.make("", `box${index}`)),
  );
  try {
    await Promise.all(projects.map((project) => project.configure("", memoryMB)));
    const results = await Promise.all(projects.map((project) => project.up()));
    const failed = results.filter(({ code }) => code !== 0);
    assert.equal(failed.length, 8);
    for (const { stderr } of failed) {
      assert.match(stderr, /not enough memory: this machine wants \d+ MB and \d+ MB are free/);
      assert.match(stderr, /resources\.memoryMB/);
    }
    const { machines } = JSON.parse((await projects[0]?.call(["status", "--json"]))?.stdout ?? "");
    assert.deepEqual(
      machines.map((machine: { state: string }) => machine.state),
      ["running", "running"],
    );
    const { stdout: links } = await run(["ip", "-o", "link"]);
    assert.equal(links.split("\n").filter((line) => /\bnbx\d+[@:]/.test(line)).length, 2);
    assert.equal((await projects[0]?.call(["down", "--all"]))?.code, 0);
    await assertNothingLeft();
  } finally {
    for (const project of projects) await project[Symbol.asyncDispose]();
  }
});

Deno.test("two ups of one project at once: one boots it, the other waits and finds it up", async () => {
  await using project = await TestProject.make();
  const results = await Promise.all([project.up(), project.up()]);
  assert.deepEqual(results.map(({ code }) => code), [0, 0]);
  const said = results.map(({ stderr }) => stderr).join("\n");
  assert.match(said, /box is up/);
  assert.match(said, /waiting for it/);
  assert.match(said, /box was up already/);
});

Deno.test("machines of two projects do not see each other", async () => {
  await using first = await TestProject.make("", "first");
  await using second = await TestProject.make("", "second");
  await Promise.all([first.mustUp(), second.mustUp()]);
  const { machines } = JSON.parse((await first.call(["status", "--json"])).stdout);
  const [one, two] = machines;
  assert.notEqual(one.address, two.address);
  const probe = await first.run(`nc -z -w 3 ${two.address} 22`);
  assert.notEqual(probe.code, 0);
  assert.equal((await second.down()).code, 0);
  assert.equal((await first.run("curl -s -m 5 http://allowed.test/still")).code, 0);
  assert.equal((await first.down()).code, 0);
  await assertNothingLeft();
});

Deno.test("three filtered machines: one goes and comes, the others keep rules, names and connections", async () => {
  const config = 'network = { mode = "filtered"; domains = [ "allowed.test" ]; };';
  await using first = await TestProject.make(config, "first");
  await using second = await TestProject.make(config, "second");
  await using third = await TestProject.make(config, "third");
  await Promise.all([first, second, third].map((project) => project.mustUp()));
  const download = first.run("curl -sS -m 60 http://allowed.test/slow/150 | wc -c");
  const { machines } = JSON.parse((await first.call(["status", "--json"])).stdout);
  for (const { address } of machines) {
    const probe = await second.run(`ip -4 addr | grep -q ${address}/ || nc -z -w 2 ${address} 22`);
    assert.equal(
      probe.code,
      machines.find((one: { name: string; address: string }) =>
          one.name === "second" && one.address === address
        ) === undefined
        ? 1
        : 0,
    );
  }
  assert.equal((await third.down()).code, 0);
  assert.equal((await second.call(["network", "allow", "evil.test"])).code, 0);
  assert.notEqual((await first.run("curl -sS -m 5 http://evil.test/")).code, 0);
  assert.equal((await second.run("curl -sS -m 5 http://evil.test/")).code, 0);
  await third.mustUp();
  assert.equal((await third.run("curl -sS -m 5 http://allowed.test/")).code, 0);
  assert.equal((await download).stdout, "150\n");
  assert.equal((await first.call(["down", "--all"])).code, 0);
  await assertNothingLeft();
});
