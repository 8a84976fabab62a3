/** The figures of a machine's life, in the lab: its guest, QEMU without KVM, a runner built before. */
import { openProject } from "../../mod.ts";
import { run } from "../../lib/host/process/run.ts";
import { median, row, timed } from "./figures.ts";
import { makeProject } from "./project.ts";

const directory = await makeProject();
const project = await openProject(directory);

/** Boots; gives the whole time and the part after the guest's sshd listened. */
async function timeUp(runner: string): Promise<{ whole: number; afterSshd: number }> {
  const startedAt = performance.now();
  let listenedAt = 0;
  const work = project.up({ runner });
  for await (const event of work) {
    if (event.kind === "step-finished" && event.step === "boot the guest") {
      listenedAt = performance.now();
    }
  }
  await work;
  return { whole: performance.now() - startedAt, afterSshd: performance.now() - listenedAt };
}

const whole: number[] = [];
const afterSshd: number[] = [];
const runTrue: number[] = [];
const status: number[] = [];
const emptyRun: number[] = [];
const emptyScript = `${directory}/empty.ts`;
await Deno.writeTextFile(emptyScript, "");
const downs: number[] = [];
const stays = new Set<string>();
for (let round = 0; round < 5; round++) {
  const up = await timeUp("/lab/runner");
  whole.push(up.whole);
  afterSshd.push(up.afterSshd);
  const command = { cwd: directory };
  await run(["nixbox", "run", "true"], command);
  for (let count = 0; count < 8; count++) {
    runTrue.push(await timed(() => run(["nixbox", "run", "true"], command)));
  }
  const empty = ["deno", "run", "--quiet", "--cached-only", emptyScript];
  for (let count = 0; count < 8; count++) {
    status.push(await timed(() => run(["nixbox", "status"], command)));
    emptyRun.push(await timed(() => run(empty, command)));
  }
  const { stdout } = await run(["ps", "-eo", "rss=,args="]);
  for (const line of stdout.split("\n")) {
    const match = /^\s*(\d+) .*(virtiofsd|ssh_config|run\/nixbox\/vm|main\.ts)/.exec(line);
    if (match !== null) stays.add(match[2] ?? "");
  }
  downs.push(await timed(async () => await project.down()));
}
const deaf: number[] = [];
await timeUp("/lab/runner-deaf");
deaf.push(await timed(async () => await project.down()));
console.log("a machine's life, 5 rounds in the lab (QEMU, TCG, 2 vCPUs, 1 GiB):");
console.log(row("up, runner built before", whole));
console.log(row("of that, after sshd listens", afterSshd, "to be under 2000"));
console.log(row("run true", runTrue, "to be under 150"));
const ratio = (median(status) / median(emptyRun)).toFixed(2);
console.log(row("status, with a machine up", status, `${ratio} x an empty deno run`));
console.log(row("down, willing guest", downs, "to be under 2500"));
console.log(row("down, deaf guest (once)", deaf, "to be under 15000"));
console.log(`  Deno processes of nixbox that stay: ${stays.has("main.ts") ? "some" : "none"}`);
await Deno.remove(directory, { recursive: true });
const isGood = median(afterSshd) < 2000 && median(runTrue) < 150 && median(downs) < 2500 &&
  median(deaf) < 15_000 && !stays.has("main.ts");
Deno.exit(isGood ? 0 : 1);
