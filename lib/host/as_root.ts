import type { Host } from "./host.ts";
import { type Finished, run, type RunOptions } from "./process.ts";
import { childPath, rootProgram } from "./programs.ts";

/**
 * Runs one program as root to its end. It comes out of a directory that only root can write to, and
 * PATH has no say (programs.ts). Each call site is listed by `up --dry-run`.
 *
 * @throws {CommandError} as {@linkcode run} does.
 * @throws {NixboxError} if root has no such program.
 */
export async function runAsRoot(
  host: Pick<Host, "privilege">,
  argv: readonly string[],
  stdin?: string,
  options: Pick<RunOptions, "accept" | "timeoutMs" | "cwd"> = {},
): Promise<Finished> {
  const [program = "", ...args] = argv;
  return await run(host.privilege.asRoot([rootProgram(program), ...args]), {
    ...options,
    // Where there is no sudo in between, or it lets PATH pass.
    env: { PATH: childPath("root") },
    ...(stdin === undefined ? {} : { stdin }),
  });
}
