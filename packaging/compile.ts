/**
 * `deno task compile`: makes one executable file in `dist/` that needs nothing else.
 *
 * Options: `--target TARGET` (this machine's unless given), `--kind compiled|self-extracting`,
 * `--deno FILE` (a deno of that target, for the self-extracting kind), `--output FILE`. Without
 * `--kind`, the file is compiled where denort can be had, and self-extracting else.
 */
import { messageOf, NixboxError } from "../lib/base/error.ts";
import { run } from "../lib/host/process/run.ts";
import { makeBundle } from "./bundle.ts";
import { compileBundle, NoRuntime } from "./compiled.ts";
import { makeSelfExtracting } from "./self_extracting.ts";

export const targets = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
] as const;

const kinds = ["compiled", "self-extracting"] as const;

interface Options {
  readonly target: string;
  readonly kind: typeof kinds[number] | undefined;
  readonly deno: string | undefined;
  readonly output: string | undefined;
}

/** Reads the command line. @throws {NixboxError} for what it does not know. */
export function readOptions(words: readonly string[]): Options {
  const known = ["target", "kind", "deno", "output"];
  const given = new Map<string, string>();
  for (let at = 0; at < words.length; at += 2) {
    const name = words[at]?.replace(/^--/, "") ?? "";
    const value = words[at + 1];
    if (!known.includes(name) || value === undefined) {
      throw new NixboxError(`compile: ${words[at]}: there is no such option, or it lacks a value`, {
        hint: known.map((option) => `--${option} VALUE`).join(", "),
        exitCode: 2,
      });
    }
    given.set(name, value);
  }
  return {
    target: oneOf(targets, "--target", given.get("target") ?? Deno.build.target),
    kind: given.has("kind") ? oneOf(kinds, "--kind", given.get("kind")) : undefined,
    deno: given.get("deno"),
    output: given.get("output"),
  };
}

function oneOf<T extends string>(choices: readonly T[], name: string, word = ""): T {
  const choice = choices.find((candidate) => candidate === word);
  if (choice !== undefined) return choice;
  throw new NixboxError(`compile: ${name} ${word} is not one of ${choices.join(", ")}`, {
    exitCode: 2,
  });
}

/** Makes the file; gives its kind. @throws {NixboxError} if it cannot be made. */
export async function makeExecutable(
  root: string,
  options: Options,
  output: string,
): Promise<typeof kinds[number]> {
  const directory = await Deno.makeTempDir({ prefix: "nixbox-compile-" });
  try {
    await makeBundle(root, `${directory}/nixbox`);
    const kind = await make(`${directory}/nixbox`, `${directory}/program`, options);
    // What runs an older file by this name keeps it.
    await run(["mv", "-f", `${directory}/program`, output]);
    return kind;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function make(bundle: string, output: string, options: Options) {
  if (options.kind !== "self-extracting") {
    try {
      await compileBundle(bundle, output, options.target);
      return "compiled";
    } catch (error) {
      if (!(error instanceof NoRuntime)) throw error;
      tellOfNoRuntime(error, options);
    }
  }
  await makeSelfExtracting(bundle, denoFor(options), output);
  return "self-extracting";
}

function tellOfNoRuntime(error: NoRuntime, { kind }: Options): void {
  const help = "name a denort of this Deno's version in DENORT_BIN, " +
    "or let Deno download one: it needs its own site for that";
  if (kind === "compiled") {
    throw new NixboxError(
      `denort, the runtime of compiled programs, is missing: ${error.message}`,
      {
        hint: help,
      },
    );
  }
  console.error(`no denort, the runtime of compiled programs: ${error.message}`);
  console.error(`for a compiled program, ${help}`);
  console.error("making the self-extracting kind instead");
}

/** The deno to put into the file: this one, if it is for the same target. */
function denoFor({ deno, target }: Options): string {
  if (deno !== undefined) return deno;
  if (target === Deno.build.target) return Deno.execPath();
  throw new NixboxError(`the self-extracting kind for ${target} needs a deno of that target`, {
    hint: "name one: --deno FILE",
  });
}

if (import.meta.main) {
  try {
    const root = new URL("..", import.meta.url).pathname.replace(/\/$/, "");
    const options = readOptions(Deno.args);
    const output = options.output ?? `${root}/dist/nixbox-${options.target}`;
    await Deno.mkdir(output.replace(/[^/]*$/, "") || ".", { recursive: true });
    const kind = await makeExecutable(root, options, output);
    console.log(`${output} (${kind})`);
  } catch (error) {
    if (!(error instanceof NixboxError)) throw error;
    console.error(`error: ${messageOf(error)}`);
    if (error.hint !== undefined) console.error(`help: ${error.hint}`);
    Deno.exit(error.exitCode);
  }
}
