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

/** Tests that count one by one, by the closing line that `deno test` prints. */
async function tests(name: string, argv: readonly string[]): Promise<void> {
  console.log(`\n== ${name}`);
  const [program = "", ...args] = argv;
  const child = new Deno.Command(program, {
    args,
    cwd: root,
    env: { NO_COLOR: "1" },
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    Deno.stdout.writeSync(chunk);
    text += decoder.decode(chunk, { stream: true });
  }
  const { success } = await child.status;
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
  await tests("tests in the lab", [...lab, ...test, "tests/nix/", "tests/e2e/"]);
  // What depends on how nixbox is delivered: its files, its processes, plugins that use its library.
  const files = ["boot", "plugins", "usage", "workspace"].map((name) =>
    `tests/e2e/${name}_test.ts`
  );
  for (const form of ["bundle", "self-extracting"] as const) {
    Deno.env.set("NIXBOX_UNDER_TEST", (await makeForm(form, root)).NIXBOX_UNDER_TEST ?? "");
    await tests(`${form}, in the lab`, [...lab, ...test, ...files, "tests/nix/build_test.ts"]);
  }
}
console.log(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
Deno.exit(total.failed === 0 ? 0 : 1);
