import { makeCommand } from "./command.ts";
import { NixboxError } from "./error.ts";

export interface RunOptions {
  /** Text or bytes for standard input; without it the program reads end-of-file. */
  readonly stdin?: string | Uint8Array<ArrayBuffer>;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Kills the program after this many milliseconds. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
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

/** A program ended with a code that its caller did not expect, or could not be started. */
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

/**
 * Runs a program to its end: the one door to other programs whose output is wanted.
 * The program gets `argv` as it is; no shell reads it.
 *
 * @throws {CommandError} if it cannot be started, is killed by the time limit, or its exit code is
 * not 0 and not in `accept`.
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<Finished> {
  if (argv.length === 0) throw new TypeError("run: empty argv");
  const timeout = options.timeoutMs === undefined
    ? undefined
    : AbortSignal.timeout(options.timeoutMs);
  const signals = [options.signal, timeout].filter((signal) => signal !== undefined);
  options.signal?.throwIfAborted();
  let child: Deno.ChildProcess;
  try {
    child = makeCommand(argv, {
      stdin: options.stdin === undefined ? "null" : "piped",
      stdout: "piped",
      stderr: "piped",
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: { ...options.env } }),
      ...(signals.length === 0 ? {} : { signal: AbortSignal.any(signals) }),
    }).spawn();
  } catch (error) {
    throw notStarted(argv, error);
  }
  const output = new TextCollector(child.stdout);
  const errors = new TextCollector(child.stderr, options.onStderrLine);
  const feeding = options.stdin === undefined ? undefined : feed(child.stdin, options.stdin);
  const status = await child.status;
  await feeding;
  const [stdout, stderr] = await Promise.all([output.finish(), errors.finish()]);
  options.signal?.throwIfAborted();
  if (timeout?.aborted) {
    throw new CommandError(argv, status.code, stderr, {
      reason: `no end after ${(options.timeoutMs ?? 0) / 1000} s, killed`,
    });
  }
  const accepted = options.accept === "any" || status.code === 0 ||
    (options.accept ?? []).includes(status.code);
  if (!accepted) throw new CommandError(argv, status.code, stderr);
  return { code: status.code, stdout, stderr };
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

/** How long a program that has ended may leave its output open in a child of its own. */
const outputGraceMs = 1000;

/** Reads a stream to text, and line by line for whoever listens. */
class TextCollector {
  #text = "";
  #rest = "";
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #done: Promise<void>;

  constructor(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    readonly onLine?: (line: string) => void,
  ) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.#done = this.#readAll();
  }

  /** The text up to now; a background child that keeps the stream open is not waited for. */
  async finish(): Promise<string> {
    const timer = setTimeout(() => void this.#reader.cancel(), outputGraceMs);
    await this.#done;
    clearTimeout(timer);
    if (this.#rest !== "") this.onLine?.(this.#rest);
    return this.#text;
  }

  async #readAll(): Promise<void> {
    while (true) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      this.#text += value;
      if (this.onLine === undefined) continue;
      const lines = (this.#rest + value).split(/\r?\n|\r/);
      this.#rest = lines.pop() ?? "";
      for (const line of lines) this.onLine(line);
    }
  }
}

/** The command as a person would type it, for messages only: it is never given to a shell. */
export function printableCommand(argv: readonly string[]): string {
  return argv
    .map((word) => /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)
    .join(" ");
}

/** The last lines of a text that say something, oldest first. */
export function lastLines(text: string, count: number): string[] {
  return text.split("\n").map((line) => line.trimEnd()).filter((line) => line !== "").slice(-count);
}
