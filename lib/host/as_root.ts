import { makeCommand } from "./command.ts";
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

/**
 * Starts one program as root and gives the lines that it prints, until it ends or nobody reads on: then
 * its next line ends it (SIGPIPE), since a user may not signal what root runs.
 */
export async function* linesAsRoot(
  host: Pick<Host, "privilege">,
  argv: readonly string[],
): AsyncGenerator<string> {
  const [program = "", ...args] = argv;
  const child = makeCommand(host.privilege.asRoot([rootProgram(program), ...args]), {
    env: { PATH: childPath("root") },
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  child.unref();
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const [first = "", ...others] = text.split("\n");
    rest += first;
    const last = others.pop();
    if (last === undefined) continue;
    yield* [rest, ...others];
    rest = last;
  }
}
