/** A file is read in pieces: a guest can make a log as large as it likes. */
const pieceBytes = 65_536;

/** A line that is longer is given in pieces, so that one without an end does not fill the memory. */
const longestLine = 1 << 20;

/** Reads one log, as whole lines, from where it left off. */
export class LogReader {
  #offset = 0;
  #rest = "";
  #decoder = new TextDecoder();

  /** @param matches Only lines that match are given. */
  constructor(
    private readonly file: string,
    private readonly matches?: RegExp,
  ) {}

  /** What has come since the last look; from the start if the file was begun again. */
  async *more(): AsyncIterable<string> {
    const { size, blocks } = await Deno.stat(this.file);
    if (size < this.#offset) this.#beginAgain();
    if (size === this.#offset) return;
    using handle = await Deno.open(this.file);
    if (this.#offset === 0 && await beginsWithHole(handle)) {
      this.#offset = Math.max(0, size - (blocks ?? size) * 512);
    }
    await handle.seek(this.#offset, Deno.SeekMode.Start);
    const piece = new Uint8Array(pieceBytes);
    // No further than the file was: one that grows as fast as it is read would never be left.
    while (this.#offset < size) {
      const count = await handle.read(piece.subarray(0, Math.min(pieceBytes, size - this.#offset)));
      if (count === null) return;
      this.#offset += count;
      const lines = this.#wholeLines(piece.subarray(0, count));
      if (lines !== "") yield lines;
    }
  }

  /** A last line without an end. */
  *rest(): Iterable<string> {
    const text = this.#select(this.#rest + this.#decoder.decode());
    this.#rest = "";
    if (text !== "") yield text;
  }

  #beginAgain(): void {
    this.#offset = 0;
    this.#rest = "";
    this.#decoder = new TextDecoder();
  }

  #wholeLines(bytes: Uint8Array): string {
    const text = this.#rest + this.#decoder.decode(bytes, { stream: true });
    const end = text.lastIndexOf("\n") + 1;
    const isTooLong = text.length - end > longestLine;
    this.#rest = isTooLong ? "" : text.slice(end);
    return this.#select(isTooLong ? text : text.slice(0, end));
  }

  #select(text: string): string {
    if (this.matches === undefined) return text;
    const lines = text.split("\n").filter((line) => this.matches?.test(line));
    return lines.map((line) => `${line}\n`).join("");
  }
}

/**
 * Whether a log was cut under a program that goes on at its own place in the file (machine_watch.ts): no log
 * begins with a page of NULs otherwise. What is left lies at the end.
 */
async function beginsWithHole(handle: Deno.FsFile): Promise<boolean> {
  const page = new Uint8Array(4096);
  const count = await handle.read(page);
  return count === page.length && page.every((byte) => byte === 0);
}
