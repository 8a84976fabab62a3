import { makeCommand } from "./command.ts";
import { NixboxError } from "../../base/error.ts";
import { TextCollector } from "./collect.ts";
import { CommandError, lastLines, mostErrors } from "./run.ts";

/** A program whose bytes go on to, or come from, another one. */
export interface PipedProgram {
  readonly argv: readonly string[];
  /** What it is called in errors. */
  readonly name?: string;
  readonly environment?: Readonly<Record<string, string>>;
  /** Exit codes that are not a failure. */
  readonly accept?: readonly number[];
}

export interface PipeOptions {
  /** Called with the number of bytes so far. */
  readonly onBytes?: (bytes: number) => void;
  readonly signal?: AbortSignal | undefined;
  /** Both programs are ended after this many milliseconds; without it they may take what they take. */
  readonly timeoutMs?: number;
  /** Bytes before and after those of the source. */
  readonly head?: Uint8Array<ArrayBuffer>;
  readonly tail?: Uint8Array<ArrayBuffer>;
  /** The source must give exactly so many bytes. */
  readonly exactly?: number;
}

type Source = PipedProgram | ReadableStream<Uint8Array<ArrayBuffer>>;
type Sink = PipedProgram | WritableStream<Uint8Array<ArrayBuffer>>;

/**
 * Runs `source | sink`. What a program says on stderr is in the error.
 *
 * @throws {NixboxError} if one of the programs fails: the one that is the cause of the other's failure.
 */
export async function pipe(from: Source, to: Sink, options: PipeOptions = {}): Promise<void> {
  const { timeoutMs, signal } = options;
  if (timeoutMs === undefined) return await transferAll(from, to, options);
  const late = new AbortController();
  const name = "argv" in from ? from.name ?? from.argv[0] : "the copy";
  const error = new NixboxError(`${name}: no end after ${timeoutMs / 1000} s`);
  const timer = setTimeout(() => late.abort(error), timeoutMs);
  const either = signal === undefined ? late.signal : AbortSignal.any([signal, late.signal]);
  try {
    await transferAll(from, to, { ...options, signal: either });
  } finally {
    clearTimeout(timer);
  }
}

async function transferAll(from: Source, to: Sink, options: PipeOptions): Promise<void> {
  options.signal?.throwIfAborted();
  const sink = to instanceof WritableStream ? undefined : start(to, "piped", "null", options);
  const source = from instanceof ReadableStream ? undefined : start(from, "null", "piped", options);
  const input = source?.child.stdout ?? from;
  const output = sink?.child.stdin ?? to;
  if (!(input instanceof ReadableStream) || !(output instanceof WritableStream)) {
    throw new TypeError("pipe: no streams");
  }
  let broken: unknown;
  try {
    await transfer(input, output, options);
  } catch (error) {
    broken = error;
    source?.child.kill("SIGTERM");
  }
  const sinkError = await sink?.finish();
  const sourceError = await source?.finish();
  options.signal?.throwIfAborted();
  // A source that was cut off fails for the sink's reasons, not for its own.
  const cause = (broken === undefined ? sourceError : undefined) ?? sinkError ?? broken;
  if (cause !== undefined) throw cause;
}

async function transfer(
  input: ReadableStream<Uint8Array<ArrayBuffer>>,
  output: WritableStream<Uint8Array<ArrayBuffer>>,
  { head, tail, exactly, onBytes }: PipeOptions,
): Promise<void> {
  const writer = output.getWriter();
  let bytes = 0;
  try {
    if (head !== undefined) await writer.write(head);
    for await (const chunk of input) {
      bytes += chunk.length;
      if (exactly !== undefined && bytes > exactly) break;
      await writer.write(chunk);
      onBytes?.(bytes);
    }
    if (exactly !== undefined && bytes !== exactly) {
      throw new NixboxError("the file changed its size while it was copied", {
        hint: "copy it again",
      });
    }
    if (tail !== undefined) await writer.write(tail);
    await writer.close();
  } catch (error) {
    await writer.abort(error).catch(() => {});
    throw error;
  }
}

function start(
  program: PipedProgram,
  stdin: "piped" | "null",
  stdout: "piped" | "null",
  { signal }: PipeOptions,
) {
  const [name = ""] = program.argv;
  const child = makeCommand(program.argv, {
    stdin,
    stdout,
    stderr: "piped",
    ...(program.environment === undefined ? {} : { env: { ...program.environment } }),
    ...(signal === undefined ? {} : { signal }),
  }).spawn();
  // It may be the guest's word, without end.
  const errors = new TextCollector(child.stderr, { most: mostErrors });
  return {
    child,
    /** Its failure, if it failed. */
    async finish(): Promise<CommandError | undefined> {
      const { code } = await child.status;
      const stderr = await errors.finish();
      if (code === 0 || program.accept?.includes(code)) return undefined;
      const [first = `exit ${code}`] = lastLines(stderr, 8);
      return new CommandError([program.name ?? name], code, stderr, { reason: first });
    },
  };
}
