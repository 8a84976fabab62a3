import assert from "node:assert/strict";
import { run } from "../../lib/host/process.ts";
import { waitFor } from "../../lib/host/wait.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

/** A process of a machine, as proc(5) shows it. */
interface Running {
  readonly command: string;
  readonly status: string;
  readonly limits: string;
}

/** What runs beside a machine as another user than its own, and so without its environment. */
const services = /(dnsmasq|haproxy|nixbox-watch) .*\/run\/nixbox/;

/** Every process that a machine left running: its user's carry its name in their environment. */
function processesOfMachines(): Running[] {
  return [...Deno.readDirSync("/proc")].filter(({ name }) => /^\d+$/.test(name)).flatMap(
    ({ name }) => {
      const read = (file: string) => Deno.readTextFileSync(`/proc/${name}/${file}`);
      try {
        const command = read("cmdline").replaceAll("\0", " ");
        if (!read("environ").includes("NIXBOX_VM=") && !services.test(command)) return [];
        return [{ command, status: read("status"), limits: read("limits") }];
      } catch {
        // It has ended meanwhile, or is a thread of the kernel.
        return [];
      }
    },
  );
}

Deno.test("the hypervisor has its filters on, and no process of a machine dumps memory", async () => {
  await using project = await TestProject.make(
    'network = { mode = "filtered"; domains = [ "allowed.test" ]; };',
  );
  await project.mustUp();
  const running = processesOfMachines();
  const hypervisor = running.find(({ command }) => command.startsWith("microvm@nixbox"));
  assert.ok(hypervisor, running.map(({ command }) => command).join("\n"));
  assert.match(hypervisor.status, /^Seccomp:\t2$/m);
  assert.match(hypervisor.status, /^NoNewPrivs:\t1$/m);
  assert.match(hypervisor.command, /spawn=deny/);
  assert.match(hypervisor.command, /dump-guest-core=off/);
  for (const name of ["virtiofsd", "dnsmasq", "haproxy", "nixbox-watch", "nixbox-log-watch"]) {
    assert.ok(running.some(({ command }) => command.includes(name)), name);
  }
  for (const { command, limits } of running) {
    assert.match(limits, /^Max core file size +0 +0 /m, command);
  }
});

Deno.test("no log of a machine grows for ever, the newest is kept, and the machine goes on", async () => {
  // Without a network there is no dnsmasq whose watch could do it.
  await using project = await TestProject.make('network.mode = "off";');
  await project.mustUp();
  const [machine] = JSON.parse((await project.call(["status", "--json"])).stdout).machines;
  const logs = `/root/.local/state/nixbox/projects/${machine.id}/logs`;
  for (const name of ["console", "hypervisor"]) {
    const file = `${logs}/${name}.log`;
    // As what runs does: at the end of the file, whatever its length.
    const line = "x".repeat(99);
    await run([
      "sh",
      "-c",
      `yes ${line} | head -c 40000000 >>"$0"`,
      file,
    ]);
    const cut = async () => (await Deno.stat(file)).size < 1_000_000 ? true : undefined;
    assert.ok(await waitFor(cut, { timeoutMs: 60_000 }), `${name} was not cut`);
    await run(["sh", "-c", 'printf "\\nnewest\\n" >>"$0"', file]);
    assert.ok(Deno.statSync(`${file}.old`).size <= 8_000_000);
    const shown = await project.call(["logs", name]);
    assert.match(shown.stdout, /^newest$/m);
    assert.ok(shown.stdout.length < 17_000_000);
  }
  await project.run("echo after | sudo tee /dev/console >/dev/null");
  const said = async () =>
    (await Deno.readTextFile(`${logs}/console.log`)).includes("after") ? true : undefined;
  assert.ok(await waitFor(said, { timeoutMs: 60_000 }), "the console's log has ended");
  assert.ok(Deno.statSync(`${logs}/console.log`).size < 1_000_000);
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});
