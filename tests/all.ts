/**
 * `deno task test` (everything) and `deno task ok` (what needs no lab). Ends with the line
 * `N passed, N failed, N skipped`.
 */
import { makeForm } from "./lab/forms.ts";
import { writeExamples } from "./examples.ts";
import { findImportProblems } from "./imports.ts";

interface Count {
  passed: number;
  failed: number;
  skipped: number;
}

const deno = Deno.execPath();
const root = new URL("..", import.meta.url).pathname;
const total: Count = { passed: 0, failed: 0, skipped: 0 };

async function filesToCheck(): Promise<string[]> {
  const { stdout } = await new Deno.Command("git", { args: ["ls-files", "*.ts"], cwd: root })
    .output();
  return new TextDecoder().decode(stdout).trim().split("\n");
}

/** A check that passes or fails as a whole. */
async function check(name: string, argv: readonly string[]): Promise<void> {
  console.log(`\n== ${name}`);
  const [program = "", ...args] = argv;
  const { success } = await new Deno.Command(program, {
    args,
    cwd: root,
    stdout: "inherit",
    stderr: "inherit",
  }).spawn().status;
  record(name, success);
}

function record(name: string, hasPassed: boolean): void {
  if (hasPassed) total.passed++;
  else total.failed++;
  if (!hasPassed) console.log(`FAILED: ${name}`);
}

/**
 * Tests that count one by one, by the closing line that `deno test` prints.
 *
 * @param isBeside They run beside others: what they print comes when they have ended.
 */
async function tests(
  name: string,
  argv: readonly string[],
  { env = {}, isBeside = false }: { env?: Record<string, string>; isBeside?: boolean } = {},
): Promise<void> {
  if (!isBeside) console.log(`\n== ${name}`);
  const [program = "", ...args] = argv;
  const child = new Deno.Command(program, {
    args,
    cwd: root,
    env: { NO_COLOR: "1", ...env },
    stdout: "piped",
    stderr: isBeside ? "null" : "inherit",
  }).spawn();
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    if (!isBeside) Deno.stdout.writeSync(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  const { success } = await child.status;
  if (isBeside) console.log(`\n== ${name}\n${text}`);
  const count = closingLine(text);
  if (count === undefined || (!success && count.failed === 0)) return record(name, false);
  total.passed += count.passed;
  total.failed += count.failed;
  total.skipped += count.skipped;
}

/** "ok | 4 passed (3 steps) | 0 failed | 1 ignored (2s)" */
function closingLine(text: string): Count | undefined {
  const line = text.split("\n").findLast((candidate) => /^(ok|FAILED) \|/.test(candidate.trim()));
  if (line === undefined) return undefined;
  const number = (pattern: RegExp) => Number(pattern.exec(line)?.[1] ?? 0);
  return {
    passed: number(/(\d+) passed/),
    failed: number(/(\d+) failed/),
    skipped: number(/(\d+) ignored/),
  };
}

/** Of tests/e2e, what makes up about half of the time of all that runs in the lab. */
const second = [
  ...["interrupt", "local_user", "macos", "macos_crash", "macos_network", "mount"],
  ...["plugins", "protect", "questions", "secrets", "set_user_id", "sinks", "slots", "systemd"],
  ...["terminal", "work_tree", "workspace"],
];

/** It counts on what memory this machine has free. */
const alone = "tests/e2e/many_test.ts";

const nameOf = (file: string) => file.replace(/^.*\/|_test\.ts$/g, "");

async function endToEnd(): Promise<string[]> {
  const names = (await Array.fromAsync(Deno.readDir(`${root}tests/e2e`))).map(({ name }) => name);
  return names.filter((name) => name.endsWith("_test.ts")).sort()
    .map((name) => `tests/e2e/${name}`).filter((file) => file !== alone);
}

const isWhole = !Deno.args.includes("--ok");
await check("fmt", [deno, "fmt", "--check", "--quiet"]);
await check("lint", [deno, "lint", "--quiet"]);
const examples = await writeExamples(root);
await check("check", [deno, "check", "--quiet", ...await filesToCheck(), ...examples]);
await check("documentation of the library", [deno, "doc", "--lint", "--quiet", "mod.ts"]);
console.log("\n== imports");
const problems = await findImportProblems(root);
for (const problem of problems) console.log(problem);
record("imports", problems.length === 0);
await tests("unit tests", [deno, "test", "--allow-all", "--no-check", "tests/unit/"]);
if (isWhole) {
  const lab = [deno, "run", "--allow-all", "tests/lab/enter.ts", "--"];
  const test = ["deno", "test", "--allow-all", "--cached-only", "--no-check"];
  // An emulated guest takes one core, so that two runs of the lab, which know nothing of each other, go on
  // beside each other. The first of all makes what is missing of it.
  await tests("many machines, in the lab", [...lab, ...test, alone]);
  const first = async () => {
    const files = (await endToEnd()).filter((file) => !second.includes(nameOf(file)));
    await tests("tests in the lab, first half", [...lab, ...test, "tests/nix/", ...files]);
    // What depends on how nixbox is delivered: its files, its processes, plugins that use its library.
    const ofForms = ["boot", "plugins", "usage", "workspace"].map((name) =>
      `tests/e2e/${name}_test.ts`
    );
    for (const form of ["bundle", "self-extracting"] as const) {
      const env = { NIXBOX_UNDER_TEST: (await makeForm(form, root)).NIXBOX_UNDER_TEST ?? "" };
      const argv = [...lab, ...test, ...ofForms, "tests/nix/build_test.ts"];
      await tests(`${form}, in the lab`, argv, { env });
    }
  };
  const files = (await endToEnd()).filter((file) => second.includes(nameOf(file)));
  await Promise.all([
    first(),
    tests("tests in the lab, second half", [...lab, ...test, ...files], { isBeside: true }),
  ]);
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
Deno.exit(total.failed === 0 ? 0 : 1);
