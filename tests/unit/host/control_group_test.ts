import assert from "node:assert/strict";
import {
  type ControlGroup,
  findManager,
  groupFile,
  inControlGroup,
} from "../../../lib/host/confinement/control_group.ts";

const group: ControlGroup = {
  manager: "systemd",
  name: "slot3",
  memoryMB: 3000,
  tasks: 1040,
  weight: 50,
};

async function hostWith(controllers: string | undefined, hasSystemd: boolean): Promise<string> {
  const directory = await Deno.makeTempDir();
  if (controllers !== undefined) {
    await Deno.writeTextFile(`${directory}/cgroup.controllers`, `${controllers}\n`);
  }
  if (hasSystemd) await Deno.mkdir(`${directory}/systemd`);
  return directory;
}

const hosts: readonly (readonly [string, string | undefined, boolean, string])[] = [
  ["systemd with cgroup v2", "cpuset cpu io memory pids", true, "systemd"],
  ["cgroup v2 alone", "memory pids", false, "cgroup"],
  ["cgroup v2 without a controller for memory", "cpu pids", true, "none"],
  ["cgroup v2 without any controller", "", false, "none"],
  ["cgroup v1", undefined, true, "none"],
];

for (const [what, controllers, hasSystemd, expected] of hosts) {
  Deno.test(`control groups on ${what}: ${expected}`, async () => {
    const directory = await hostWith(controllers, hasSystemd);
    assert.equal(await findManager(directory, `${directory}/systemd`), expected);
    await Deno.remove(directory, { recursive: true });
  });
}

Deno.test("systemd is told all bounds, and the command comes last", () => {
  const argv = inControlGroup(group, [5, 6], ["nsenter", "x"]);
  const properties = argv.filter((word) => word.startsWith("--property="));
  assert.deepEqual(properties, [
    ...["--property=MemoryMax=3000M", "--property=MemorySwapMax=3000M", "--property=TasksMax=1040"],
    ...["--property=CPUWeight=50", "--property=IOWeight=50"],
  ]);
  assert.ok(argv.includes("--unit=nixbox-slot3"));
  assert.deepEqual(argv.slice(-5), ["5", "6", "--", "nsenter", "x"]);
});

Deno.test("where there are no control groups the command is as it was", () => {
  assert.deepEqual(inControlGroup({ ...group, manager: "none" }, [5], ["a", "b"]), ["a", "b"]);
});

const members: readonly (readonly [string, string | undefined])[] = [
  ["0::/nixbox.slice/nixbox-slot3.scope\n", "/nixbox.slice/nixbox-slot3.scope"],
  ["12:pids:/\n0::/nixbox/slot3\n", "/nixbox/slot3"],
  ["0::/user.slice/user-1000.slice/session-2.scope\n", undefined],
  ["0::/nixboxes/other\n", undefined],
  ["0::/\n", undefined],
  ["", undefined],
];

for (const [text, expected] of members) {
  Deno.test(`a process in ${JSON.stringify(text)} is ${expected === undefined ? "in none" : "in one"} of nixbox's groups`, () => {
    const file = expected === undefined ? undefined : `/sys/fs/cgroup${expected}/cgroup.procs`;
    assert.equal(groupFile(text), file);
  });
}
