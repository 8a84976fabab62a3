import { messageOf, NixboxError } from "../base/error.ts";
import { CommandError, lastLines, run } from "../host/process/run.ts";
import type { EnvSource, EnvValue, Project } from "./config.ts";
import { problemWithVariable } from "./variables.ts";

/** Where values are looked for. */
export interface EnvReader {
  /** The variable of the caller's own environment. */
  readonly variable: (name: string) => string | undefined;
  readonly signal?: AbortSignal;
}

/** This process's own environment. */
export const callersEnv: EnvReader = { variable: (name) => Deno.env.get(name) };

/**
 * The guest's variables with the values that their sources have now. A command runs in `.nixbox`, which
 * no guest can write to on Linux, with stdin closed and NIXBOX_PROJECT for the rest; one newline at its
 * end, or a file's, is not part of the value.
 *
 * @throws {NixboxError} that names the variable and never shows a value.
 */
export async function resolveEnv(
  project: Pick<Project, "directory" | "configDirectory">,
  env: Readonly<Record<string, EnvValue>>,
  reader: EnvReader = callersEnv,
): Promise<Readonly<Record<string, string>>> {
  const values: Record<string, string> = {};
  // One after the other: two that ask for a password at once could not be told apart.
  for (const [name, source] of Object.entries(env)) {
    if (typeof source === "string") {
      values[name] = source;
      continue;
    }
    const value = await read(project, name, source, reader);
    const problem = problemWithVariable(name, value);
    if (problem !== undefined) throw new NixboxError(`env.${name} ${problem}`, { where: "env" });
    values[name] = value;
  }
  return values;
}

async function read(
  project: Pick<Project, "directory" | "configDirectory">,
  name: string,
  source: EnvSource,
  { variable, signal }: EnvReader,
): Promise<string> {
  if ("fromEnv" in source) {
    const value = variable(source.fromEnv);
    if (value !== undefined) return value;
    throw new NixboxError(`env.${name}: the variable ${source.fromEnv} is not set here`, {
      where: "env",
      hint: `set it where you call nixbox: \`export ${source.fromEnv}=...\``,
    });
  }
  if ("file" in source) return await readFile(name, source.file);
  try {
    const { stdout } = await run(source.command, {
      cwd: project.configDirectory,
      env: { NIXBOX_PROJECT: project.directory },
      ...(signal === undefined ? {} : { signal }),
    });
    return withoutNewline(stdout);
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new NixboxError(`env.${name}: ${messageOf(error)}`, {
      where: "env",
      hint: "run the command by hand in .nixbox; it may not ask on stdin",
      log: error instanceof CommandError ? lastLines(error.stderr, 6) : [],
    });
  }
}

async function readFile(name: string, file: string): Promise<string> {
  try {
    const bytes = await Deno.readFile(file);
    return withoutNewline(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch (error) {
    throw new NixboxError(
      error instanceof TypeError
        ? `env.${name}: ${file} is not text in UTF-8`
        : `env.${name}: ${file} cannot be read: ${messageOf(error)}`,
      { where: "env", hint: "fix the path; it counts from the config file" },
    );
  }
}

function withoutNewline(text: string): string {
  return text.replace(/\r?\n$/, "");
}
