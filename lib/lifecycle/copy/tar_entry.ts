/**
 * The header of one regular file in a tar archive (POSIX.1-1988 "ustar"; sizes from 8 GiB on, and
 * names longer than 100 bytes, in GNU's ways, as the tar(5) manual describes them).
 */
export function tarHeader(
  file: {
    readonly name: string;
    readonly size: number;
    readonly mode: number;
    readonly mtime: number;
  },
): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode(file.name);
  if (name.length <= 100) return header(name, file.size, file.mode, file.mtime, "0");
  const longName = new TextEncoder().encode("././@LongLink");
  const body = new Uint8Array(padded(name.length + 1));
  body.set(name);
  return concatenated([
    header(longName, name.length + 1, 0, 0, "L"),
    body,
    header(name.subarray(0, 100), file.size, file.mode, file.mtime, "0"),
  ]);
}

/** What follows a file of `size` bytes: zeros up to the next block, and two blocks as the end. */
export function tarTrailer(size: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(padded(size) - size + 1024);
}

function header(
  name: Uint8Array,
  size: number,
  mode: number,
  mtime: number,
  type: string,
): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(512);
  const text = (at: number, value: string) => block.set(new TextEncoder().encode(value), at);
  const octal = (at: number, length: number, value: number) =>
    text(at, value.toString(8).padStart(length - 1, "0"));
  block.set(name);
  octal(100, 8, mode);
  octal(108, 8, 0);
  octal(116, 8, 0);
  if (size < 8 ** 11) octal(124, 12, size);
  else new DataView(block.buffer).setBigUint64(128, BigInt(size));
  if (size >= 8 ** 11) block[124] = 0x80;
  octal(136, 12, mtime);
  text(148, "        ");
  text(156, type);
  text(257, "ustar\u000000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(148, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

function padded(size: number): number {
  return Math.ceil(size / 512) * 512;
}

function concatenated(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
