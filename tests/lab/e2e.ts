/** `deno task e2e`: runs the tests that need the lab, all or those named: `deno task e2e -- boot`. */
import { enterLab } from "./enter.ts";

/** Runs `deno test` in the lab over these paths; gives the exit code. */
export function testInLab(paths: readonly string[], more: readonly string[] = []): Promise<number> {
  const test = ["deno", "test", "--allow-all", "--cached-only", "--no-check", ...more];
  return enterLab([...test, ...paths]);
}

if (import.meta.main) {
  const words = Deno.args.filter((word) => word !== "--");
  const names = words.filter((word) => !word.startsWith("-"));
  const paths = names.length === 0
    ? ["tests/e2e/"]
    : names.map((name) => `tests/e2e/${name}_test.ts`);
  Deno.exit(await testInLab(paths, words.filter((word) => word.startsWith("-"))));
}
