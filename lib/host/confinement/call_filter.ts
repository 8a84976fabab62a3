import { ownCommand } from "../process/own_command.ts";
import { parentOf } from "../../base/paths.ts";
import { run } from "../process/run.ts";

let found: Promise<readonly string[]> | undefined;

/**
 * The words that a command is put behind so that a filter of system calls holds for it; the filter's
 * file comes after them. setpriv(1) can do it from util-linux 2.41 on; elsewhere this nixbox becomes
 * the command itself.
 */
export function callFilterWords(): Promise<readonly string[]> {
  return found ??= probe();
}

async function probe(): Promise<readonly string[]> {
  try {
    const { stdout } = await run(["setpriv", "--help"], { accept: "any", timeoutMs: 5000 });
    if (stdout.includes("--seccomp-filter")) {
      return ["setpriv", "--no-new-privs", "--seccomp-filter"];
    }
  } catch {
    // No setpriv: as where it is too old.
  }
  return [...await ownCommand(), filterCommand];
}

/**
 * The files that the filter's program is made of, for one that sees only some of them; none where it is the
 * system's.
 *
 * @param words As {@linkcode callFilterWords} gives them.
 */
export function filesOfFilter(
  words: readonly string[],
  env: (name: string) => string | undefined = Deno.env.get,
): readonly string[] {
  const [program = "", ...others] = words;
  if (program === "" || program === "setpriv") return [];
  const main = others.find((word) => word.startsWith("/"));
  const caches = env("XDG_CACHE_HOME") ?? `${env("HOME") ?? ""}/.cache`;
  return [
    program,
    ...(main === undefined ? [] : [parentOf(main), env("DENO_DIR") ?? `${caches}/deno`]),
  ];
}

/** The first word by which nixbox is told to become another program under a filter. */
export const filterCommand = "internal-filter";
