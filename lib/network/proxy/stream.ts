/** A connection with what was read of it and not yet used. */
export class BufferedConnection {
  #buffer: Uint8Array<ArrayBuffer> = new Uint8Array();
  /** Whether this side has ended it. */
  isClosed = false;
  /** When bytes last went through, by performance.now(). */
  lastActive = performance.now();

  constructor(readonly connection: Deno.Conn) {}

  /** What was read and not yet used. */
  get buffered(): Uint8Array<ArrayBuffer> {
    return this.#buffer;
  }

  /** Reads what comes next into the caller's own space; `null` at the end. */
  async read(space: Uint8Array): Promise<number | null> {
    const count = await this.connection.read(space);
    this.lastActive = performance.now();
    return count;
  }

  /** Reads more to {@linkcode buffered}; `false` at the end. */
  async fill(): Promise<boolean> {
    const chunk = new Uint8Array(16 * 1024);
    const count = await this.read(chunk);
    if (count === null) return false;
    const longer = new Uint8Array(this.#buffer.length + count);
    longer.set(this.#buffer);
    longer.set(chunk.subarray(0, count), this.#buffer.length);
    this.#buffer = longer;
    return true;
  }

  /** Takes bytes from the front. */
  take(count: number): Uint8Array<ArrayBuffer> {
    const taken = this.#buffer.slice(0, count);
    this.#buffer = this.#buffer.slice(count);
    return taken;
  }

  /** Writes everything; waits for whoever reads, so nothing piles up here. */
  async write(bytes: Uint8Array): Promise<void> {
    for (let rest = bytes; rest.length > 0;) {
      rest = rest.subarray(await this.connection.write(rest));
    }
    this.lastActive = performance.now();
  }

  /** Each character one byte, as {@linkcode textOf} reads them. */
  async writeText(text: string): Promise<void> {
    await this.write(Uint8Array.from(text, (character) => character.charCodeAt(0)));
  }

  /** Tells the other side that nothing more comes; it may still answer. */
  async endWriting(): Promise<void> {
    try {
      await this.connection.closeWrite();
    } catch {
      // It has gone already.
    }
  }

  close(): void {
    this.isClosed = true;
    try {
      this.connection.close();
    } catch {
      // Closed by the other end of its tunnel.
    }
  }
}

/** Bytes as text, each one character: what a decoder calls latin1 is windows-1252. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

/** What a tunnel reads at once: little while little comes, since most wait most of the time. */
const [smallRead, largeRead] = [4 * 1024, 64 * 1024];

/** Passes on all that comes, then the end. */
export async function passOn(from: BufferedConnection, to: BufferedConnection): Promise<void> {
  if (from.buffered.length > 0) await to.write(from.take(from.buffered.length));
  let space = new Uint8Array(smallRead);
  for (let count = await from.read(space); count !== null; count = await from.read(space)) {
    await to.write(space.subarray(0, count));
    if (count === space.length) space = new Uint8Array(largeRead);
  }
  await to.endWriting();
}

/** Reads to the end, for nobody. */
export async function discard(from: BufferedConnection): Promise<void> {
  do from.take(from.buffered.length); while (await from.fill());
}

/** Passes on so many bytes. `false` if the end came before. */
export async function passBytes(
  from: BufferedConnection,
  to: BufferedConnection,
  count: number,
): Promise<boolean> {
  for (let left = count; left > 0;) {
    if (from.buffered.length === 0 && !await from.fill()) return false;
    const part = from.take(Math.min(left, from.buffered.length));
    await to.write(part);
    left -= part.length;
  }
  return true;
}

/** A chunk's size line, and a trailer's: more is nobody's. */
const longestLine = 1024;

/**
 * Passes on a body in chunks (RFC 9112, section 7.1), each as it was understood. Extensions and
 * trailers are left out. `false` if it is malformed or ends early.
 */
export async function passChunks(
  from: BufferedConnection,
  to: BufferedConnection,
): Promise<boolean> {
  while (true) {
    const line = await takeLine(from);
    const size = /^([0-9a-f]{1,8})[ \t]*(;.*)?$/i.exec(line ?? "")?.[1];
    if (size === undefined) return false;
    const bytes = Number.parseInt(size, 16);
    if (bytes === 0) break;
    await to.writeText(`${bytes.toString(16)}\r\n`);
    if (!await passBytes(from, to, bytes) || await takeLine(from) !== "") return false;
    await to.writeText("\r\n");
  }
  for (let trailers = 0; trailers < 64; trailers++) {
    const line = await takeLine(from);
    if (line === undefined) return false;
    if (line !== "") continue;
    await to.writeText("0\r\n\r\n");
    return true;
  }
  return false;
}

/** A line without its CR and LF; `undefined` for one that is too long, unended or malformed. */
async function takeLine(from: BufferedConnection): Promise<string | undefined> {
  while (true) {
    const end = from.buffered.indexOf(10);
    if (end >= 0) {
      const line = textOf(from.take(end + 1));
      const isPlain = line.endsWith("\r\n") && !line.slice(0, -2).includes("\r");
      return isPlain && end <= longestLine ? line.slice(0, -2) : undefined;
    }
    if (from.buffered.length > longestLine || !await from.fill()) return undefined;
  }
}
