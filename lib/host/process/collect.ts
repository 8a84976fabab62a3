/** How long a program that has ended may leave its output open in a child that goes on. */
const outputGraceMs = 1000;

/** A line that is longer than this is told in pieces. */
const longestLine = 65_536;

/** How a stream is collected. */
export interface CollectOptions {
  /** Called for each line as it comes. */
  readonly onLine?: ((line: string) => void) | undefined;
  /** Of more characters, the first and the last halves of so many are kept. */
  readonly most: number;
  /** Called once when there is more. */
  readonly onMore?: () => void;
}

/**
 * Reads a stream to text, and line by line for whoever listens. What is kept is bounded: a guest, or a
 * config, can make a program print without end.
 */
export class TextCollector {
  #head = "";
  #tail = "";
  #cut = 0;
  #rest = "";
  readonly #reader: ReadableStreamDefaultReader<string>;
  readonly #done: Promise<void>;

  constructor(
    stream: ReadableStream<Uint8Array<ArrayBuffer>>,
    private readonly options: CollectOptions,
  ) {
    this.#reader = stream.pipeThrough(new TextDecoderStream()).getReader();
    this.#done = this.#readAll();
  }

  /** The text up to now; a background child that keeps the stream open is not waited for. */
  async finish(): Promise<string> {
    const timer = setTimeout(() => void this.#reader.cancel(), outputGraceMs);
    await this.#done;
    clearTimeout(timer);
    if (this.#rest !== "") this.options.onLine?.(this.#rest);
    if (this.#cut === 0) return this.#head + this.#tail;
    return `${this.#head}\n[... ${this.#cut} characters are left out ...]\n${this.#tail}`;
  }

  async #readAll(): Promise<void> {
    while (true) {
      const { value, done } = await this.#reader.read();
      if (done) return;
      this.#keep(value);
      if (this.options.onLine !== undefined) this.#tellLines(value, this.options.onLine);
    }
  }

  #keep(value: string): void {
    const half = this.options.most / 2;
    const room = half - this.#head.length;
    if (room > 0) this.#head += value.slice(0, room);
    this.#tail += value.slice(Math.max(0, room));
    const over = this.#tail.length - half;
    // Cut now and then: each time would copy the whole tail for every few bytes.
    if (over <= half) return;
    if (this.#cut === 0) this.options.onMore?.();
    this.#cut += over;
    this.#tail = this.#tail.slice(over);
  }

  #tellLines(value: string, onLine: (line: string) => void): void {
    const lines = (this.#rest + value).split(/\r?\n|\r/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
    while (this.#rest.length > longestLine) {
      onLine(this.#rest.slice(0, longestLine));
      this.#rest = this.#rest.slice(longestLine);
    }
  }
}
