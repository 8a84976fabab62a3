import { makeCommand } from "../process/command.ts";
import type { Host } from "../host.ts";
import { CommandError, type Finished, run, type RunOptions, toolMs } from "../process/run.ts";
import { childPath, rootProgram } from "../process/programs.ts";

/** timeout(1)'s exit codes for a program that it ended: by SIGTERM, by SIGKILL. */
const ended = [124, 137];

/**
 * Runs one program as root to its end, for a minute at most unless another time is said. Where sudo runs
 * it, root's own timeout(1) ends it, since this user may not signal what is root's; the time that sudo waits for a
 * password does not count. It comes out of a directory that only root can write to, and
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
  const command = [rootProgram(program), ...args];
  const timeoutMs = options.timeoutMs ?? toolMs;
  const more = {
    ...options,
    // Where there is no sudo in between, or it lets PATH pass.
    env: { PATH: childPath("root") },
    ...(stdin === undefined ? {} : { stdin }),
  };
  if (host.privilege.asRoot(command).length === command.length) {
    return await run(command, { ...more, timeoutMs });
  }
  const seconds = timeoutMs / 1000;
  const limited = [rootProgram("timeout"), "-k", "2", `${seconds}`, ...command];
  const accept = options.accept === "any" ? "any" : [...options.accept ?? [], ...ended];
  const { timeoutMs: _, ...rest } = more;
  const finished = await run(host.privilege.asRoot(limited), { ...rest, accept });
  if (!ended.includes(finished.code)) return finished;
  throw new CommandError(argv, finished.code, finished.stderr, {
    reason: `no end after ${seconds} s`,
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
