/** A file of an initrd. Directories above it come by themselves. */
export interface CpioFile {
  /** Without a leading slash. */
  readonly path: string;
  readonly content: Uint8Array<ArrayBuffer>;
  /** Permission bits. */
  readonly mode: number;
}

const directoryType = 0o040000;
const fileType = 0o100000;

/**
 * An archive in cpio's "newc" format, which the kernel unpacks as an initrd; archives may follow one
 * another, the later overriding the earlier (Linux, driver-api/early-userspace/buffer-format).
 */
export function cpioArchive(
  files: readonly CpioFile[],
  emptyDirectories: readonly string[] = [],
): Uint8Array<ArrayBuffer> {
  const directories = new Set(files.flatMap(({ path }) => directoriesAbove(path)));
  for (const path of emptyDirectories) directories.add(path);
  const nothing = new Uint8Array();
  const parts = [
    ...[...directories].map((path) => entry(path, directoryType | 0o755, nothing)),
    ...files.map(({ path, mode, content }) => entry(path, fileType | mode, content)),
    entry("TRAILER!!!", 0, nothing),
  ];
  return padded(concatenate(parts.flat()), 512);
}

export function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

function directoriesAbove(path: string): string[] {
  const words = path.split("/").slice(0, -1);
  return words.map((_, index) => words.slice(0, index + 1).join("/"));
}

/** Header of 110 bytes, name with NUL, content; the latter two padded to multiples of 4. */
function entry(path: string, mode: number, content: Uint8Array<ArrayBuffer>): Uint8Array[] {
  const name = new TextEncoder().encode(`${path}\0`);
  const links = 1;
  // inode, mode, uid, gid, links, mtime, size, device (2), its own device (2), name size, checksum
  const fields = [0, mode, 0, 0, links, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
  return [
    padded(concatenate([new TextEncoder().encode(header), name]), 4),
    padded(content, 4),
  ];
}

function padded(bytes: Uint8Array<ArrayBuffer>, multiple: number): Uint8Array<ArrayBuffer> {
  const rest = bytes.length % multiple;
  return rest === 0 ? bytes : concatenate([bytes, new Uint8Array(multiple - rest)]);
}
