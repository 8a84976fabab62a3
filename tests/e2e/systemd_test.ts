import { equal, match } from "node:assert/strict";
import {
  type ControlGroup,
  groupFile,
  inControlGroup,
} from "../../lib/host/confinement/control_group.ts";
import { quoteWord } from "../../lib/guest/quote.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

const bounds = { name: "slot3", memoryMB: 64, tasks: 30, weight: 50 };

/** What a machine's programs would see of their bounds, and what becomes of those that go beyond. */
const look = `
group=/sys/fs/cgroup$(sed -n s/^0:://p /proc/self/cgroup)
sed -n s/^0:://p /proc/self/cgroup
cd "$group" && cat memory.max memory.swap.max pids.max cpu.weight
grep -cx "$(cat /tmp/other)" cgroup.procs
( i=0; while [ $i -lt 60 ]; do sleep 2 & i=$((i + 1)); done ) 2>/dev/null
read -r count <pids.current; echo "processes: $count"
while [ "$count" -gt 10 ]; do read -r count <pids.current; done
tail /dev/zero >/dev/null 2>&1; echo "memory: $?"
`;

Deno.test("a guest with systemd boots, is provisioned, and goes gracefully", async (t) => {
  await using project = await TestProject.make('env.WORD = "it\'s $HOME";');
  const up = await project.up("runner-systemd");
  equal(up.code, 0, up.stderr);
  const words = 'systemctl is-active nixbox-provision; uname -n; echo "$WORD"; ls ~/workspace';
  equal((await project.run(words)).stdout, "active\nbox\nit's $HOME\n");

  // No host of the lab has systemd or cgroup v2, and this guest has both: the commands run here.
  for (
    const [manager, path] of [
      ["systemd", "/nixbox.slice/nixbox-slot3.scope"],
      ["cgroup", "/nixbox/slot3"],
    ] as const
  ) {
    await t.step(`a group that ${manager} makes holds memory and processes`, async () => {
      const group: ControlGroup = { ...bounds, manager };
      const other = "sleep 60 >/dev/null 2>&1 & echo $! | tee /tmp/other >/dev/null; ";
      const argv = inControlGroup(group, [77777], ["sh", "-c", look])
        .map((word) => word === "77777" ? '"$(cat /tmp/other)"' : quoteWord(word));
      const { code, stdout, stderr } = await project.run(`${other} sudo -n -- ${argv.join(" ")}`);
      const bytes = `${64 * 1024 * 1024}`;
      const [place, memory, swap, tasks, weight, joined, ...more] = stdout.trim().split("\n");
      equal(place, path, stderr);
      deepEqualText([memory, swap, tasks, weight, joined], [bytes, bytes, "30", "50", "1"]);
      const processes = Number(/^processes: (\d+)$/.exec(more[0] ?? "")?.[1]);
      equal(processes > 20 && processes <= 30, true, stdout);
      // The kernel kills what is too large; systemd then ends all that is in the scope.
      equal(more[1] ?? "", manager === "cgroup" ? "memory: 137" : "", stderr);
      equal(code === 0, manager === "cgroup");
      match(groupFile(`0::${place}\n`) ?? "", /cgroup\.procs$/);
    });
  }

  const down = await project.down();
  equal(down.code, 0, down.stderr);
  match(down.stderr, /box is down/);
  await assertNothingLeft();
});

function deepEqualText(seen: readonly (string | undefined)[], expected: readonly string[]): void {
  equal(seen.join(" "), expected.join(" "));
}
