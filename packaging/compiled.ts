import { NixboxError } from "../lib/base/error.ts";
import { run } from "../lib/host/process/run.ts";

/** Why `deno compile` could make no program. */
export class NoRuntime extends Error {
  /** Always `NoRuntime`. */
  override readonly name = "NoRuntime";
}

/**
 * Compiles a bundle to one executable file, with all of the bundle's files in it. The runtime of such
 * programs is denort: DENORT_BIN names one, else deno downloads it.
 *
 * @param target One of Deno's targets, as "aarch64-apple-darwin".
 * @throws {NoRuntime} if there is no denort.
 * @throws {NixboxError} if deno fails for another reason.
 */
export async function compileBundle(
  bundle: string,
  output: string,
  target: string,
): Promise<void> {
  await refuseDenoAsRuntime();
  const { code, stderr } = await run([
    ...[Deno.execPath(), "compile", "--quiet", "--no-config", "--no-check", "--no-prompt"],
    ...["--allow-all", "--target", target, "--output", output],
    ...["--include", `${bundle}/lib`, "--include", `${bundle}/share/nixbox`],
    `${bundle}/lib/main.js`,
  ], { cwd: bundle, accept: "any" });
  if (code === 0) return;
  const reason = reasonIn(stderr);
  if (/denort/.test(reason)) throw new NoRuntime(reason);
  throw new NixboxError(`deno compile: ${reason}`);
}

/** With deno itself in its place, `deno compile` makes a file that is just deno. */
async function refuseDenoAsRuntime(): Promise<void> {
  const runtime = Deno.env.get("DENORT_BIN");
  if (runtime === undefined || runtime === "") return;
  const says = await run([runtime, "--version"], { accept: "any", timeoutMs: 10_000 });
  if (!says.stdout.startsWith("deno ")) return;
  throw new NoRuntime(`DENORT_BIN (${runtime}) is deno itself, not denort`);
}

/** deno's own words: the innermost error that says what it was about. */
function reasonIn(stderr: string): string {
  // deno-lint-ignore no-control-regex -- escape sequences are control characters
  const lines = stderr.replace(/\x1b\[[0-9;]*m/g, "").split("\n");
  const line = lines.findLast((text) => /\berror (sending|loading)/.test(text)) ??
    lines.find((text) => text.startsWith("error:"));
  return line?.replace(/^(error:|\s*\d+:)\s*/, "") ?? "deno compile gave no reason";
}
