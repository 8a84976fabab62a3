/**
 * Runs the end-to-end tests in a fresh run of the lab: `deno task e2e [--form FORM] [NAME...]
 * [OPTIONS]`, where a NAME is a file of tests/e2e/ without `_test.ts`, OPTIONS are `deno test`'s, and
 * FORM is what is tested: source, bundle, self-extracting or compiled.
 */
import { NixboxError } from "../../lib/base/error.ts";
import { enterLab, exitWith } from "./enter.ts";
import { makeForm, parseForm } from "./forms.ts";

const suffix = "_test.ts";

/** Splits the arguments into test files and options for `deno test`; no file named means all. */
export function testArguments(args: readonly string[], names: readonly string[]): string[] {
  const files: string[] = [];
  const options: string[] = [];
  for (const [index, word] of args.entries()) {
    const follows = /^--?(filter|f)$/.test(args[index - 1] ?? "");
    if (word === "--") continue;
    if (word.startsWith("-") || follows) options.push(word);
    else if (names.includes(word)) files.push(`tests/e2e/${word}${suffix}`);
    else {
      throw new NixboxError(`there is no tests/e2e/${word}${suffix}`, {
        hint: `there are: ${names.join(", ")}`,
        exitCode: 2,
      });
    }
  }
  return [...options, ...files.length === 0 ? ["tests/e2e/"] : files];
}

if (import.meta.main) {
  await exitWith(async () => {
    const project = new URL("../..", import.meta.url).pathname;
    const names: string[] = [];
    for await (const { name } of Deno.readDir(`${project}tests/e2e`)) {
      if (name.endsWith(suffix)) names.push(name.slice(0, -suffix.length));
    }
    const words = [...Deno.args];
    const at = words.indexOf("--form");
    const [, form = at < 0 ? "source" : undefined] = at < 0 ? [] : words.splice(at, 2);
    const chosen = testArguments(words, names.sort());
    const env = await makeForm(parseForm(form), project);
    const test = ["deno", "test", "--allow-all", "--no-check", "--cached-only"];
    return await enterLab([...test, ...chosen], { env });
  });
}
