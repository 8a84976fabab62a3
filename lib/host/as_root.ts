import type { Host } from "./host.ts";
import { type Finished, run, type RunOptions } from "./process.ts";

/**
 * Runs one program as root to its end, by its full path: an ordinary user's PATH often lacks the
 * directories of such programs. Each call site is listed by `up --dry-run`.
 *
 * @throws {CommandError} as {@linkcode run} does.
 */
export async function runAsRoot(
  host: Pick<Host, "which" | "privilege">,
  argv: readonly string[],
  stdin?: string,
  options: Pick<RunOptions, "accept" | "timeoutMs"> = {},
): Promise<Finished> {
  const [program = "", ...args] = argv;
  const path = await host.which(program) ?? program;
  return await run(host.privilege.asRoot([path, ...args]), {
    ...options,
    ...(stdin === undefined ? {} : { stdin }),
  });
}
