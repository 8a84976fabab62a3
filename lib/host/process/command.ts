import { childPath, isBySudo, safeDirectories, startableArgv } from "./programs.ts";

/** What {@linkcode Deno.CommandOptions} has, but for the arguments. */
export type StartOptions = Omit<Deno.CommandOptions, "args" | "env" | "cwd"> & {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
};

/** Where the loader looks for libraries; an empty entry is the directory that the program stands in. */
const libraryPaths = ["LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"];

/** What a shell reads before its script, and the loader before a program; relative, it is the project's. */
const readFirst = ["BASH_ENV", "ENV", "LD_PRELOAD", "LD_AUDIT", "DYLD_INSERT_LIBRARIES"];

/**
 * The one place in which nixbox makes a process. The program is found by the door of programs.ts, and
 * what the child looks for itself (PATH, libraries) has no relative entries and none of a guest's.
 *
 * @throws {NixboxError} if the program does not exist, or may not be run.
 */
export function makeCommand(argv: readonly string[], options: StartOptions = {}): Deno.Command {
  const [program = "", ...args] = startableArgv(argv, options.cwd);
  return new Deno.Command(program, {
    ...options,
    args,
    env: { ...searchPaths(isBySudo(argv) ? "root" : "user"), ...options.env },
  });
}

function searchPaths(as: "user" | "root"): Record<string, string> {
  const env: Record<string, string> = { PATH: childPath(as) };
  for (const name of libraryPaths) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = as === "root" ? "" : safeDirectories(value);
  }
  for (const name of readFirst) {
    const words = (Deno.env.get(name) ?? "").split(/[\s:]+/).filter((word) => word !== "");
    // The loader finds a bare name in the system's directories; a shell takes it for a file.
    const isFile = (word: string) => !name.startsWith("LD_") || word.includes("/");
    if (words.some((word) => isFile(word) && !word.startsWith("/"))) env[name] = "";
  }
  return env;
}
