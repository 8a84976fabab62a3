import { makeCommand } from "./command.ts";
import { TextCollector } from "./collect.ts";
import { NixboxError } from "../../base/error.ts";

export interface RunOptions {
  /** Text or bytes for standard input; without it the program reads end-of-file. */
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the program after this many milliseconds: SIGTERM, and SIGKILL two seconds later. */
  readonly timeoutMs?: number;
  /** Characters that it may print to standard output; 64 Mi. A program that prints more is ended. */
  readonly mostOutput?: number;
  readonly signal?: AbortSignal;
  /** It gets no Ctrl-C of the terminal's: `signal` ends it. Nor can it ask for a password there. */
  readonly isApart?: boolean;
  /** Called for each line of stderr as it comes, for progress. */
  readonly onStderrLine?: (line: string) => void;
  /** Exit codes that are an answer rather than a failure; `"any"` for all. */
  readonly accept?: readonly number[] | "any";
}

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * A program ended with a code that its caller did not expect, or could not be started.
 *
 * ```ts
 * import { CommandError, openProject, printable } from "nixbox";
 *
 * try {
 *   await (await openProject(".")).output(["true"]);
 * } catch (error) {
 *   if (!(error instanceof CommandError)) throw error;
 *   console.error(error.argv, error.code, printable(error.stderr));
 * }
 * ```
 */
export class CommandError extends NixboxError {
  /** Always `CommandError`. */
  override readonly name = "CommandError";
  /** Makes an error of a command and how it ended. */
  constructor(
    readonly argv: readonly string[],
    /** `undefined` where the program could not be started at all. */
    readonly code: number | undefined,
    readonly stderr: string,
    details: { hint?: string; cause?: unknown; reason?: string } = {},
  ) {
    const how = details.reason ?? (code === undefined ? "could not be started" : `exit ${code}`);
    super(`${printableCommand(argv)}: ${how}`, {
      log: lastLines(stderr, 12),
      ...(details.hint === undefined ? {} : { hint: details.hint }),
      cause: details.cause,
    });
  }
}

/** How much of a program's standard error is kept, in characters: the beginning and the end. */
export const mostErrors = 1 << 20;

/**
 * How long a program may take that asks or tells this host something: the kernel's tools, versions,
 * keys, a look at files. One that takes a minute hangs: by a lock that nobody gives back, a network file
 * system that is gone, a name service that does not answer. What the user asked for (builds, hooks,
 * commands, copies) has no such limit, and ends with Ctrl-C.
 */
export const toolMs = 60_000;

/** How long a program may take to end after SIGTERM. */
const endGraceMs = 2000;

/**
 * Runs a program to its end: the one door to other programs whose output is wanted.
 * The program gets `argv` as it is; no shell reads it.
 *
 * @throws {CommandError} if it cannot be started, is ended by the time limit or for what it prints, or
 * its exit code is not 0 and not in `accept`.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  if (argv.length === 0) throw new TypeError("run: empty argv");
  options.signal?.throwIfAborted();
  let child: Deno.ChildProcess;
  try {
    child = makeCommand(argv, {
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      ...(options.isApart ? { detached: true } : {}),
    }).spawn();
  } catch (error) {
    throw notStarted(argv, error);
  }
  const { mostOutput = 64 << 20, timeoutMs } = options;
  using ending = new Ending(child, options.signal, timeoutMs);
  const output = new TextCollector(child.stdout, {
    most: mostOutput,
    onMore: () => ending.end(`printed more than ${mostOutput >> 20} MB`),
  });
  const errors = new TextCollector(child.stderr, {
    most: mostErrors,
    onLine: options.onStderrLine,
  });
  const feeding = options.stdin === undefined ? undefined : feed(child.stdin, options.stdin);
  // Awaited below, but for a program that is left behind.
  feeding?.catch(() => {});
  const status = await Promise.race([child.status, ending.abandoned]);
  if (status !== undefined) await feeding;
  else child.unref();
  const [stdout, stderr] = await Promise.all([output.finish(), errors.finish()]);
  options.signal?.throwIfAborted();
  if (ending.reason !== undefined) {
    throw new CommandError(argv, status?.code, stderr, { reason: ending.reason });
  }
  if (status === undefined) throw new TypeError("run: abandoned without a reason");
  const accepted = options.accept === "any" || status.code === 0 ||
    (options.accept ?? []).includes(status.code);
  if (!accepted) throw new CommandError(argv, status.code, stderr);
  return { code: status.code, stdout, stderr };
}

/** Ends a program whose time is over, that prints too much, or that is not wanted any more. */
class Ending implements Disposable {
  /** Why, and how; `undefined` while nothing ends it. */
  reason: string | undefined;
  readonly #abandoned = Promise.withResolvers<undefined>();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  readonly #stop = () => this.end("stopped");

  constructor(
    private readonly child: Deno.ChildProcess,
    private readonly signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
  ) {
    signal?.addEventListener("abort", this.#stop);
    if (timeoutMs === undefined) return;
    this.#later(timeoutMs, () => this.end(`no end after ${timeoutMs / 1000} s`));
  }

  /**
   * Resolves when it has not ended by SIGKILL either: another user's process may not be
   * signalled, and one that waits for a file system that is gone does not take it. It is left behind.
   */
  get abandoned(): Promise<undefined> {
    return this.#abandoned.promise;
  }

  end(why: string): void {
    if (this.reason !== undefined) return;
    this.reason = `${why}, ended by SIGTERM`;
    this.#kill("SIGTERM");
    this.#later(endGraceMs, () => {
      this.reason = `${why}, killed (it did not end by SIGTERM)`;
      this.#kill("SIGKILL");
      this.#later(endGraceMs, () => {
        this.reason = `${why}, and it cannot be ended`;
        this.#abandoned.resolve(undefined);
      });
    });
  }

  #later(milliseconds: number, work: () => void): void {
    this.#timers.push(setTimeout(work, milliseconds));
  }

  #kill(signal: Deno.Signal): void {
    try {
      this.child.kill(signal);
    } catch {
      // It has ended by itself meanwhile, or may not be signalled.
    }
  }

  [Symbol.dispose](): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.signal?.removeEventListener("abort", this.#stop);
  }
}

function notStarted(argv: readonly string[], error: unknown): CommandError {
  // The door of programs.ts says what is wrong and how to fix it.
  if (error instanceof NixboxError) {
    const { hint } = error;
    return new CommandError(argv, undefined, error.log.join("\n"), {
      reason: error.message,
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
  if (error instanceof Deno.errors.NotFound) {
    return new CommandError(argv, undefined, "", {
      reason: "no such program",
      hint: `install ${argv[0]}; \`nixbox doctor\` says how`,
      cause: error,
    });
  }
  return new CommandError(argv, undefined, "", { cause: error });
}

async function feed(
  stream: WritableStream<Uint8Array<ArrayBuffer>>,
  text: string | Uint8Array<ArrayBuffer>,
): Promise<void> {
  const writer = stream.getWriter();
  try {
    await writer.write(typeof text === "string" ? new TextEncoder().encode(text) : text);
    await writer.close();
  } catch (error) {
    // A program that ends before it has read everything says so by its exit code.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** The command as a person would type it, for messages only: it is never given to a shell. */
export function printableCommand(argv: readonly string[]): string {
  return argv
    .map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
    .join(" ");
}

/** Of a longer line the end is told. */
const longestToldLine = 1000;

/** The last lines of a text that say something, oldest first; of each, what a person can read. */
export function lastLines(text: string, count: number): string[] {
  const lines = text.split("\n").map((line) => line.trimEnd()).filter((line) => line !== "");
  return lines.slice(-count).map((line) =>
    line.length > longestToldLine ? `[...] ${line.slice(-longestToldLine)}` : line
  );
}
