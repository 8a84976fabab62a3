/**
 * vsock without a kernel that has it: many streams over one byte stream to a program in the guest
 * (tests/lab/guest/vsock.py), which makes them connections of the guest's own AF_VSOCK.
 *
 * A frame is type (1 byte), stream (4), length (4), then so many bytes; numbers are big-endian.
 * Streams that the host opens are even, those of the guest odd.
 */
const types = { listen: 0, open: 1, data: 2, end: 3, close: 4, credit: 5 } as const;

/** Bytes of one stream that may be under way: a stream that is not read holds no other up. */
const windowBytes = 256 * 1024;

interface Stream {
  /** Not there while the host's end is still dialled; what comes by then waits in `writing`. */
  connection: Deno.Conn | undefined;
  credit: number;
  wake: (() => void) | undefined;
  writing: Promise<void>;
}

export class Multiplexer {
  readonly #streams = new Map<number, Stream>();
  #next = 2;
  #sending: Promise<void> = Promise.resolve();

  /**
   * @param toGuest Where frames go and come from.
   * @param dial Gives the host's end of a connection that the guest makes to a port.
   */
  constructor(
    private readonly toGuest: Deno.Conn,
    private readonly dial: (port: number) => Promise<Deno.Conn>,
  ) {}

  /** The guest's program listens on this port of vsock for the host. */
  async listen(port: number): Promise<void> {
    await this.#send(types.listen, port, new Uint8Array());
  }

  /** Leads a connection of the host's to a port of the guest's. */
  async open(connection: Deno.Conn, port: number): Promise<void> {
    const id = this.#next;
    this.#next += 2;
    this.#add(id, connection);
    await this.#send(types.open, id, number(port));
    void this.#read(id);
  }

  /** Takes frames until the guest is gone. */
  async run(): Promise<void> {
    let buffer = new Uint8Array();
    const chunk = new Uint8Array(65536);
    for (let count = await this.toGuest.read(chunk); count !== null;) {
      const longer = new Uint8Array(buffer.length + count);
      longer.set(buffer);
      longer.set(chunk.subarray(0, count), buffer.length);
      buffer = longer;
      while (buffer.length >= 9) {
        const view = new DataView(buffer.buffer, buffer.byteOffset);
        const length = view.getUint32(5);
        if (buffer.length < 9 + length) break;
        this.#take(view.getUint8(0), view.getUint32(1), buffer.slice(9, 9 + length));
        buffer = buffer.slice(9 + length);
      }
      count = await this.toGuest.read(chunk).catch(() => null);
    }
    for (const id of this.#streams.keys()) this.#drop(id);
  }

  #add(id: number, connection?: Deno.Conn): Stream {
    const stream: Stream = {
      connection,
      credit: windowBytes,
      wake: undefined,
      writing: Promise.resolve(),
    };
    this.#streams.set(id, stream);
    return stream;
  }

  #take(type: number, id: number, bytes: Uint8Array<ArrayBuffer>): void {
    if (type === types.open) {
      this.#accept(id, new DataView(bytes.buffer, bytes.byteOffset).getUint32(0));
      return;
    }
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    if (type === types.credit) {
      stream.credit += new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
      stream.wake?.();
    } else if (type === types.data) {
      stream.writing = stream.writing.then(() => this.#write(id, stream, bytes));
    } else if (type === types.end) {
      stream.writing = stream.writing.then(() => this.#endWriting(id));
    } else if (type === types.close) {
      stream.writing = stream.writing.then(() => this.#drop(id));
    }
  }

  #accept(id: number, port: number): void {
    const stream = this.#add(id);
    const dialing = this.dial(port).then((connection) => {
      stream.connection = connection;
      if (this.#streams.get(id) !== stream) return connection.close();
      void this.#read(id);
    });
    stream.writing = dialing.catch(async () => {
      await this.#send(types.close, id, new Uint8Array());
      this.#drop(id);
    });
  }

  async #write(id: number, stream: Stream, bytes: Uint8Array): Promise<void> {
    const { connection } = stream;
    if (connection === undefined) return;
    try {
      for (let rest = bytes; rest.length > 0;) rest = rest.subarray(await connection.write(rest));
      await this.#send(types.credit, id, number(bytes.length));
    } catch {
      await this.#send(types.close, id, new Uint8Array());
      this.#drop(id);
    }
  }

  /** vfkit's copying (tcpproxy) ends both directions with the first that ends. */
  async #endWriting(id: number): Promise<void> {
    await this.#send(types.close, id, new Uint8Array());
    this.#drop(id);
  }

  async #read(id: number): Promise<void> {
    const stream = this.#streams.get(id);
    if (stream?.connection === undefined) return;
    const chunk = new Uint8Array(32768);
    try {
      while (true) {
        const count = await stream.connection.read(chunk);
        if (count === null) break;
        while (stream.credit < count) {
          await new Promise<void>((resolve) => stream.wake = resolve);
        }
        stream.credit -= count;
        await this.#send(types.data, id, chunk.slice(0, count));
      }
    } catch {
      // Broken is ended, too.
    }
    await this.#send(types.close, id, new Uint8Array());
    this.#drop(id);
  }

  #drop(id: number): void {
    const stream = this.#streams.get(id);
    if (stream === undefined) return;
    this.#streams.delete(id);
    stream.credit = Infinity;
    stream.wake?.();
    try {
      stream.connection?.close();
    } catch {
      // It has ended by itself.
    }
  }

  #send(type: number, id: number, bytes: Uint8Array): Promise<void> {
    const frame = new Uint8Array(9 + bytes.length);
    const view = new DataView(frame.buffer);
    view.setUint8(0, type);
    view.setUint32(1, id);
    view.setUint32(5, bytes.length);
    frame.set(bytes, 9);
    this.#sending = this.#sending.then(async () => {
      for (let rest = frame; rest.length > 0;) {
        rest = rest.subarray(await this.toGuest.write(rest));
      }
    }).catch(() => {});
    return this.#sending;
  }
}

function number(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}
