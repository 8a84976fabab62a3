import { ownCommand } from "./own_command.ts";
import { run } from "./process.ts";

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

/** The first word by which nixbox is told to become another program under a filter. */
export const filterCommand = "internal-filter";
