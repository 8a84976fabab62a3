/**
 * `deno task bench`: measures what docs/benchmarks.md promises. Commands that are compared run in
 * turn, A B A B, so that a machine whose speed drifts drifts for both; medians are what counts.
 */
import { makeBundle } from "../../packaging/bundle.ts";
import { enterLab } from "../lab/enter.ts";
import { median, row } from "./figures.ts";

const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const deno = Deno.execPath();

async function milliseconds(argv: readonly string[]): Promise<number> {
  const [program = "", ...args] = argv;
  const startedAt = performance.now();
  const { success, stderr } = await new Deno.Command(program, {
    args,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return performance.now() - startedAt;
}

/** Times the commands in turn; the first round warms the caches and does not count. */
async function inTurn(commands: Record<string, readonly string[]>, rounds: number) {
  const times = new Map<string, number[]>();
  for (let round = 0; round <= rounds; round++) {
    for (const [name, argv] of Object.entries(commands)) {
      const time = await milliseconds(argv);
      if (round > 0) times.set(name, [...times.get(name) ?? [], time]);
    }
  }
  return times;
}

async function startUp(): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const empty = `${directory}/empty.ts`;
    await Deno.writeTextFile(empty, "");
    await makeBundle(root, `${directory}/nixbox`);
    const source = [deno, "run", "--quiet", "--allow-all", "--cached-only", `${root}/main.ts`];
    const bundle = [`${directory}/nixbox/bin/nixbox`];
    Deno.env.set("NIXBOX_DENO", deno);
    const times = await inTurn({
      "empty deno run": [deno, "run", "--quiet", empty],
      "nixbox --version": [...source, "--version"],
      "nixbox status": [...source, "status"],
      "nixbox --version (bundle)": [...bundle, "--version"],
      "nixbox status (bundle)": [...bundle, "status"],
    }, 20);
    const base = median(times.get("empty deno run") ?? []);
    console.log("start-up, median of 20, in turn:");
    for (const [name, values] of times) {
      console.log(row(name, values, `${(median(values) / base).toFixed(2)} x an empty deno run`));
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Runs the proxy's measures, which need no lab. */
async function proxy(): Promise<number> {
  const args = ["run", "--quiet", "--allow-all", "--cached-only", `${root}/tests/bench/proxy.ts`];
  return (await new Deno.Command(deno, { args }).spawn().status).code;
}

/** Runs one of the measures that need the lab; gives its exit code. */
async function inLab(name: string): Promise<number> {
  const deno = ["deno", "run", "--quiet", "--allow-all", "--cached-only"];
  return await enterLab([...deno, `/src/tests/bench/${name}.ts`]);
}

/** `deno task bench [start] [consent] [proxy] [machine] [network] [share] [transport]`; without a word, all. */
const wanted = Deno.args.filter((word) => word !== "--");
const isWanted = (name: string) => wanted.length === 0 || wanted.includes(name);
if (isWanted("start")) await startUp();
let code = 0;
const keep = (other: number) => code ||= other;
if (isWanted("proxy")) keep(await proxy());
for (const name of ["consent", "machine", "network", "share", "transport"]) {
  if (isWanted(name)) keep(await inLab(name));
}
Deno.exit(code);
