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
  override readonly name = "CommandError";
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
  const [program, ...args] = argv;
  if (program === undefined) throw new TypeError("run: empty argv");
  const timeout = options.timeoutMs === undefined
    ? undefined
    : AbortSignal.timeout(options.timeoutMs);
  const signals = [options.signal, timeout].filter((signal) => signal !== undefined);
  options.signal?.throwIfAborted();
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(program, {
      args,
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
  const [stdout, stderr, status] = await Promise.all([
    new Response(child.stdout).text(),
    readLines(child.stderr, options.onStderrLine),
    child.status,
    options.stdin === undefined ? undefined : feed(child.stdin, options.stdin),
  ]);
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

async function readLines(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  onLine: ((line: string) => void) | undefined,
): Promise<string> {
  if (onLine === undefined) return await new Response(stream).text();
  let text = "";
  let rest = "";
  for await (const chunk of stream.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const lines = (rest + chunk).split(/\r?\n|\r/);
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  }
  if (rest !== "") onLine(rest);
  return text;
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
