import * as z from "../base/zod.ts";
import { NixboxError } from "../base/error.ts";

/** Messages of QEMU's control protocol (QMP specification, docs/interop/qmp-spec). */
const messageSchema = z.union([
  z.object({ QMP: z.object({ version: z.unknown() }) }),
  z.object({ event: z.string(), data: z.optional(z.record(z.string(), z.unknown())) }),
  z.object({ return: z.unknown(), id: z.optional(z.number()) }),
  z.object({
    error: z.object({ class: z.string(), desc: z.string() }),
    id: z.optional(z.number()),
  }),
]);

export type QmpMessage = z.infer<typeof messageSchema>;

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** QEMU refused a command. */
export class QmpError extends NixboxError {
  constructor(readonly command: string, readonly errorClass: string, readonly description: string) {
    super(`QEMU refused ${command}: ${description}`);
  }
}

/** Parses one line of QMP. @throws {NixboxError} for what is not a message of the protocol. */
export function parseQmp(line: string): QmpMessage {
  try {
    return messageSchema.parse(JSON.parse(line));
  } catch (error) {
    throw new NixboxError(`QEMU's control socket said something unknown: ${line.slice(0, 200)}`, {
      cause: error,
    });
  }
}

interface Listener {
  readonly take: (event: QmpEvent) => void;
  readonly fail: (reason: unknown) => void;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (reason: unknown) => void;
  readonly command: string;
}

/** QEMU answers at once; one that does not has stopped. */
const answerTimeoutMs = 10_000;

/** The longest line of QMP that is read: no answer to a command that nixbox sends comes near it. */
const longestLine = 4 * 1024 * 1024;

/** A connection to QEMU's control socket, ready for commands. */
export class Qmp {
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<Listener>();
  readonly #greeting = Promise.withResolvers<void>();
  #nextId = 1;
  #ended: unknown;

  private constructor(private readonly connection: Deno.Conn) {
    this.#greeting.promise.catch(() => {});
    void this.#read();
  }

  /**
   * Takes a fresh connection through the greeting and the choice of capabilities. A QEMU that is
   * stopped or hangs accepts connections and says nothing, so this is bounded.
   *
   * @throws {NixboxError} after `timeoutMs`; the signal's reason when it aborts.
   */
  static async open(
    connection: Deno.Conn,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<Qmp> {
    const qmp = new Qmp(connection);
    const seconds = Math.round(options.timeoutMs / 1000);
    const silence = new NixboxError(
      `QEMU did not answer on its control socket within ${seconds} s`,
    );
    const timer = setTimeout(() => qmp.#fail(silence), options.timeoutMs);
    const stop = () => qmp.#fail(options.signal?.reason);
    options.signal?.addEventListener("abort", stop, { once: true });
    // It may have come while the connection was being made.
    if (options.signal?.aborted) stop();
    try {
      await qmp.#greeting.promise;
      await qmp.execute("qmp_capabilities");
      return qmp;
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", stop);
    }
  }

  /**
   * Runs one command and gives what it returns.
   *
   * @throws {QmpError} if QEMU refuses it.
   * @throws {NixboxError} if there is no answer within 10 s, after which the connection is closed.
   */
  async execute(command: string, args?: Readonly<Record<string, unknown>>): Promise<unknown> {
    if (this.#ended !== undefined) throw this.#ended;
    const id = this.#nextId++;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#waiting.set(id, { resolve, reject, command });
    const seconds = answerTimeoutMs / 1000;
    const silence = new NixboxError(`QEMU did not answer to ${command} within ${seconds} s`);
    const timer = setTimeout(() => this.#fail(silence), answerTimeoutMs);
    try {
      const message = { execute: command, id, ...(args === undefined ? {} : { arguments: args }) };
      // Raced: QEMU may refuse a command whose end it has not read.
      await Promise.race([this.#write(`${JSON.stringify(message)}\n`), promise]);
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#waiting.delete(id);
    }
  }

  async #write(text: string): Promise<void> {
    let bytes = new TextEncoder().encode(text);
    try {
      while (bytes.length > 0) bytes = bytes.subarray(await this.connection.write(bytes));
    } catch (error) {
      throw this.#ended ?? new NixboxError("QEMU closed its control socket", { cause: error });
    }
  }

  /**
   * Waits for an event that fits, from now on. Gives `undefined` when the time is over, or the
   * signal aborts. Ask before the command that causes it: the event may come first.
   *
   * @throws {NixboxError} if the connection ends.
   */
  async nextEvent(
    fits: (event: QmpEvent) => boolean,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<QmpEvent | undefined> {
    if (this.#ended !== undefined) throw this.#ended;
    const { promise, resolve, reject } = Promise.withResolvers<QmpEvent | undefined>();
    const listener: Listener = {
      take: (event) => {
        if (fits(event)) resolve(event);
      },
      fail: reject,
    };
    const stop = () => resolve(undefined);
    this.#listeners.add(listener);
    const timer = setTimeout(stop, options.timeoutMs);
    options.signal?.addEventListener("abort", stop, { once: true });
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      options.signal?.removeEventListener("abort", stop);
      this.#listeners.delete(listener);
    }
  }

  /** Whether the connection is over, whoever ended it. */
  get hasEnded(): boolean {
    return this.#ended !== undefined;
  }

  close(): void {
    this.#fail(new NixboxError("QEMU's control connection was closed"));
  }

  #fail(reason: unknown): void {
    if (this.#ended !== undefined) return;
    this.#end(reason);
    this.connection.close();
  }

  async #read(): Promise<void> {
    const decoder = new TextDecoder();
    const buffer = new Uint8Array(65536);
    let rest = "";
    try {
      while (true) {
        const count = await this.connection.read(buffer);
        if (count === null) break;
        const lines = (rest + decoder.decode(buffer.subarray(0, count), { stream: true })).split(
          "\n",
        );
        rest = lines.pop() ?? "";
        for (const line of lines) if (line.trim() !== "") this.#take(parseQmp(line));
        if (rest.length > longestLine) throw new NixboxError("QEMU's answer has no end");
      }
      this.#fail(new NixboxError("QEMU closed its control socket"));
    } catch (error) {
      this.#fail(
        error instanceof NixboxError
          ? error
          : new NixboxError("QEMU's control connection failed", { cause: error }),
      );
    }
  }

  #take(message: QmpMessage): void {
    if ("QMP" in message) return this.#greeting.resolve();
    if ("event" in message) {
      const event = { event: message.event, data: message.data ?? {} };
      for (const listener of this.#listeners) listener.take(event);
      return;
    }
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (waiting === undefined || message.id === undefined) return;
    this.#waiting.delete(message.id);
    if ("error" in message) {
      const { class: errorClass, desc } = message.error;
      waiting.reject(new QmpError(waiting.command, errorClass, desc));
    } else waiting.resolve(message.return);
  }

  #end(error: unknown): void {
    this.#ended ??= error;
    this.#greeting.reject(error);
    for (const { reject } of this.#waiting.values()) reject(error);
    for (const { fail } of this.#listeners) fail(error);
    this.#waiting.clear();
  }
}
