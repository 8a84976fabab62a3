/**
 * A command in a guest, by the two ways that SSH takes: TCP over a tap (Linux) and vsock (macOS). The
 * vsock is the stand-in's, over a serial port; what ssh and nixbox do for it is real.
 */
import { run } from "../../lib/host/process/run.ts";
import { median, row, timed } from "./figures.ts";
import { makeProject } from "./project.ts";

const stand = "/src/tests/stand_in/macos";
const deno = ["deno", "run", "--quiet", "--no-prompt", "--cached-only", "--allow-all"];
const ways = [
  { name: "tap", argv: [...deno, "/src/main.ts"], runner: "/lab/runner", path: "" },
  {
    name: "vsock",
    argv: [...deno, `${stand}/main.ts`],
    runner: "/lab/runner-vfkit",
    path: `${stand}/bin:`,
  },
];

const machines = await Promise.all(ways.map(async ({ name, argv, runner, path }) => {
  const directory = await makeProject('network.mode = "off";');
  const env = { PATH: `${path}${Deno.env.get("PATH")}` };
  const call = (...words: string[]) => run([...argv, ...words], { cwd: directory, env });
  await call("up", "--runner", runner);
  await call("run", "true");
  const times: number[] = [];
  return { name, directory, call, times };
}));
for (let round = 0; round < 40; round++) {
  for (const { call, times } of machines) times.push(await timed(() => call("run", "true")));
}
for (const { call, directory } of machines) {
  await call("down");
  await Deno.remove(directory, { recursive: true });
}
const [tap = NaN, vsock = NaN] = machines.map(({ times }) => median(times));
const ratio = vsock / tap;
console.log("`run true`, median of 40, in turn:");
for (const { name, times } of machines) console.log(row(name, times));
console.log(`  vsock takes ${ratio.toFixed(2)} of what a tap does; to be under 1.3`);
Deno.exit(ratio < 1.3 ? 0 : 1);
