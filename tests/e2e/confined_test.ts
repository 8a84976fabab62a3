import assert from "node:assert/strict";
import { TestProject } from "./support/machine.ts";

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
  for (const name of ["virtiofsd", "dnsmasq", "haproxy", "nixbox-watch", "nixbox-machine-watch"]) {
    assert.ok(running.some(({ command }) => command.includes(name)), name);
  }
  for (const { command, limits } of running) {
    assert.match(limits, /^Max core file size +0 +0 /m, command);
  }
});
