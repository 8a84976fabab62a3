import type { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { connect } from "node:tls";

/** The first message of a TLS client that wants a name, as Deno's own TLS writes it. */
export async function clientHello(name: string | undefined): Promise<Uint8Array<ArrayBuffer>> {
  const { promise, resolve } = Promise.withResolvers<Uint8Array<ArrayBuffer>>();
  const wire = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      resolve(Uint8Array.from(chunk));
      done();
    },
  });
  const client = connect({
    socket: wire,
    rejectUnauthorized: false,
    ...(name === undefined ? {} : { servername: name }),
  });
  client.on("error", () => {});
  const bytes = await promise;
  client.destroy();
  wire.destroy();
  return bytes;
}

const number = (value: number, length: number) =>
  Array.from({ length }, (_, index) => Math.floor(value / 256 ** (length - 1 - index)) % 256);

/** A field that begins with its length. */
export function field(lengthBytes: number, content: readonly number[]): number[] {
  return [...number(content.length, lengthBytes), ...content];
}

/** An extension of TLS. */
export function extension(kind: number, content: readonly number[]): number[] {
  return [...number(kind, 2), ...field(2, content)];
}

/** The server_name extension with one name. */
export function serverName(name: string): number[] {
  return extension(0, field(2, [0, ...field(2, [...new TextEncoder().encode(name)])]));
}

/** A ClientHello by hand, in records of at most so many bytes. */
export function madeHello(
  extensions: readonly number[],
  recordBytes = 16384,
): Uint8Array<ArrayBuffer> {
  const body = [
    ...[3, 3],
    ...Array<number>(32).fill(7),
    ...field(1, Array<number>(32).fill(8)),
    ...field(2, [0x13, 0x01]),
    ...field(1, [0]),
    ...field(2, extensions),
  ];
  const message = [1, ...field(3, body)];
  const bytes: number[] = [];
  for (let at = 0; at < message.length; at += recordBytes) {
    bytes.push(22, 3, 1, ...field(2, message.slice(at, at + recordBytes)));
  }
  return Uint8Array.from(bytes);
}
