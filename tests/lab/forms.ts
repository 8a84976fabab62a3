import { NixboxError } from "../../lib/base/error.ts";
import { run } from "../../lib/host/process/run.ts";

/** The forms that nixbox is delivered in. Tests run against the source unless told otherwise. */
export const forms = ["source", "bundle", "self-extracting", "compiled"] as const;

export type Form = typeof forms[number];

/** @throws {NixboxError} if there is no such form. */
export function parseForm(word: string | undefined): Form {
  const form = forms.find((candidate) => candidate === word);
  if (form !== undefined) return form;
  throw new NixboxError(`--form ${word ?? ""}: there is no such form`, {
    hint: `there are: ${forms.join(", ")}`,
    exitCode: 2,
  });
}

/** In the lab, the project's directory is here. */
const inside = "/src";

/**
 * Makes a form in the project's `dist/`; gives how it is started in the lab, in the variable that
 * tests/e2e/support/machine.ts reads.
 *
 * @throws {NixboxError} if it cannot be made, as the compiled one where there is no denort.
 */
export async function makeForm(form: Form, project: string): Promise<Record<string, string>> {
  if (form === "source") return {};
  const deno = [Deno.execPath(), "run", "--quiet", "--allow-all"];
  if (form === "bundle") {
    await run([...deno, "packaging/bundle.ts"], { cwd: project });
    return { NIXBOX_UNDER_TEST: `${inside}/dist/nixbox/bin/nixbox` };
  }
  const output = `dist/nixbox-${form}`;
  const options = ["--kind", form, "--output", output];
  await run([...deno, "packaging/compile.ts", ...options], { cwd: project });
  return { NIXBOX_UNDER_TEST: `${inside}/${output}` };
}
