/** How git names its objects. */
export type GitObjectFormat = "sha1" | "sha256";

/** One file of git's index. */
export interface GitIndexEntry {
  /** As git has it: relative to the top of the work tree, without "." and "..". */
  readonly path: string;
  /** 0o100644, 0o100755, 0o120000 (symlink) or 0o160000 (submodule). */
  readonly mode: number;
  /** Lower-case hex. */
  readonly objectId: string;
  /** 0; in a merge with conflicts 1 (base), 2 (ours), 3 (theirs). */
  readonly stage: number;
  /** Left out of the work tree by a sparse checkout. */
  readonly skipWorktree: boolean;
  /** `git add --intent-to-add`: there is no content yet. */
  readonly intentToAdd: boolean;
}

/** The index has what this parser does not know. The message says what. */
export class UnknownIndex extends Error {
  /** Always `UnknownIndex`. */
  override readonly name = "UnknownIndex";
}

/** PATH_MAX of Linux; git itself would take longer ones. */
const longestPath = 4096;

/** ctime, mtime, dev, ino, mode, uid, gid, size: ten numbers of 32 bits, as stat(2) gave them. */
const statBytes = 40;

/**
 * The files in an index of git that are at or below one path (gitformat-index(5), versions 2 to 4).
 * Paths are compared without regard to the case of ASCII letters, since file systems of macOS do so.
 *
 * @param bytes The whole file.
 * @param below Relative to the top of the work tree; empty for everything.
 * @throws {UnknownIndex} for another version, a split index, a sparse directory on the way to the
 * path, an extension that must be understood, and whatever is not a whole index.
 */
export async function parseGitIndex(
  bytes: Uint8Array<ArrayBuffer>,
  format: GitObjectFormat,
  below: string,
): Promise<readonly GitIndexEntry[]> {
  const hashBytes = format === "sha1" ? 20 : 32;
  const end = bytes.length - hashBytes;
  if (end < 12 || text(bytes, 0, 4) !== "DIRC") throw new UnknownIndex("it is not an index");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = view.getUint32(4);
  if (version < 2 || version > 4) throw new UnknownIndex(`its version is ${version}`);
  await requireChecksum(bytes, end, format);
  const entries = new EntryReader(bytes, view, end, version, hashBytes);
  const wanted = new TextEncoder().encode(below);
  const found: GitIndexEntry[] = [];
  for (let left = view.getUint32(8); left > 0; left--) {
    const entry = entries.next();
    if (entry.mode === 0o040000) {
      requireElsewhere(entry.path, wanted);
      continue;
    }
    if (!isAtOrBelow(entry.path, wanted)) continue;
    found.push({ ...entry, path: decoded(entry.path), objectId: hex(entry.objectId) });
  }
  requireKnownExtensions(bytes, view, entries.at, end);
  return found;
}

type RawEntry = Omit<GitIndexEntry, "path" | "objectId"> & {
  readonly path: Uint8Array<ArrayBuffer>;
  readonly objectId: Uint8Array<ArrayBuffer>;
};

/** Reads one entry after the other; paths are only valid until the next is read. */
class EntryReader {
  at = 12;
  readonly #path = new Uint8Array(longestPath);
  #length = 0;

  constructor(
    readonly bytes: Uint8Array<ArrayBuffer>,
    readonly view: DataView,
    readonly end: number,
    readonly version: number,
    readonly hashBytes: number,
  ) {}

  next(): RawEntry {
    const start = this.at;
    this.#advance(statBytes + this.hashBytes + 2);
    const mode = this.view.getUint32(start + 24);
    requireKnownMode(mode);
    const objectId = this.bytes.subarray(start + statBytes, this.at - 2);
    const flags = this.view.getUint16(this.at - 2);
    const isExtended = (flags & 0x4000) !== 0;
    if (isExtended && this.version < 3) throw new UnknownIndex("an entry has unknown flags");
    if (isExtended) this.#advance(2);
    const more = isExtended ? this.view.getUint16(this.at - 2) : 0;
    if ((more & 0x9fff) !== 0) throw new UnknownIndex("an entry has unknown flags");
    if (this.version === 4) this.#readCompressedPath();
    else this.#readPath(start);
    return {
      path: this.#path.subarray(0, this.#length),
      mode,
      objectId,
      stage: (flags >> 12) & 3,
      skipWorktree: (more & 0x4000) !== 0,
      intentToAdd: (more & 0x2000) !== 0,
    };
  }

  /** Whole, and filled up with NULs so that the entry's length is a multiple of eight. */
  #readPath(start: number): void {
    this.#length = 0;
    this.#takeToNul();
    this.at = start + Math.ceil((this.at - start) / 8) * 8;
    if (this.at > this.end) throw cutOff();
  }

  /** What is to go from the end of the path before, and what replaces it. */
  #readCompressedPath(): void {
    const strip = this.#readVariable();
    if (strip > this.#length) throw new UnknownIndex("a path in it is wrong");
    this.#length -= strip;
    this.#takeToNul();
  }

  #takeToNul(): void {
    const nul = this.bytes.indexOf(0, this.at);
    if (nul < 0 || nul >= this.end) throw cutOff();
    const part = this.bytes.subarray(this.at, nul);
    if (this.#length + part.length > longestPath) throw new UnknownIndex("a path is too long");
    this.#path.set(part, this.#length);
    this.#length += part.length;
    if (this.#length === 0) {
      throw new UnknownIndex("a path in it is empty, as where the index is split");
    }
    this.at = nul + 1;
  }

  /** The variable-length number of gitformat-pack(5)'s offsets. */
  #readVariable(): number {
    let byte = this.#byte();
    let value = byte & 0x7f;
    while ((byte & 0x80) !== 0) {
      byte = this.#byte();
      value = (value + 1) * 128 + (byte & 0x7f);
      if (value > longestPath) throw new UnknownIndex("a path in it is wrong");
    }
    return value;
  }

  #byte(): number {
    this.#advance(1);
    return this.view.getUint8(this.at - 1);
  }

  #advance(count: number): void {
    this.at += count;
    if (this.at > this.end) throw cutOff();
  }
}

function cutOff(): UnknownIndex {
  return new UnknownIndex("it is cut off");
}

const knownModes = new Set([0o100644, 0o100755, 0o120000, 0o160000, 0o040000]);

function requireKnownMode(mode: number): void {
  if (!knownModes.has(mode)) throw new UnknownIndex(`an entry has mode ${mode.toString(8)}`);
}

/** Whether the index is as git wrote it. git writes zeros where index.skipHash is set. */
async function requireChecksum(
  bytes: Uint8Array<ArrayBuffer>,
  end: number,
  format: GitObjectFormat,
): Promise<void> {
  const written = bytes.subarray(end);
  if (written.every((byte) => byte === 0)) return;
  const algorithm = format === "sha1" ? "SHA-1" : "SHA-256";
  const real = new Uint8Array(await crypto.subtle.digest(algorithm, bytes.subarray(0, end)));
  if (!real.every((byte, index) => byte === written[index])) {
    throw new UnknownIndex("its checksum is wrong");
  }
}

/** Extensions whose names begin with a small letter must be understood; of those "sdir" is. */
function requireKnownExtensions(
  bytes: Uint8Array<ArrayBuffer>,
  view: DataView,
  start: number,
  end: number,
): void {
  for (let at = start; at < end;) {
    if (end - at < 8) throw cutOff();
    const name = text(bytes, at, 4);
    if (name === "link") {
      throw new UnknownIndex("it is split (`git update-index --no-split-index`)");
    }
    if (!/^[A-Z]/.test(name) && name !== "sdir") {
      throw new UnknownIndex(`it has the unknown extension ${JSON.stringify(name)}`);
    }
    at += 8 + view.getUint32(at + 4);
    if (at > end) throw cutOff();
  }
}

/** A sparse directory ("a/b/") stands for all files in it, which are not listed. */
function requireElsewhere(path: Uint8Array<ArrayBuffer>, wanted: Uint8Array<ArrayBuffer>): void {
  const directory = path.at(-1) === slash ? path.subarray(0, -1) : path;
  if (isAtOrBelow(directory, wanted) || isAtOrBelow(wanted, directory)) {
    throw new UnknownIndex("it is sparse there (`git sparse-checkout reapply --no-sparse-index`)");
  }
}

const slash = 0x2f;

function isAtOrBelow(path: Uint8Array<ArrayBuffer>, top: Uint8Array<ArrayBuffer>): boolean {
  if (top.length === 0) return true;
  if (path.length < top.length) return false;
  for (let index = 0; index < top.length; index++) {
    if (lower(path[index] ?? 0) !== lower(top[index] ?? 0)) return false;
  }
  return path.length === top.length || path[top.length] === slash;
}

function lower(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte;
}

/** @throws {UnknownIndex} for a path that git would not check out, or that is not UTF-8. */
function decoded(path: Uint8Array<ArrayBuffer>): string {
  let name: string;
  try {
    name = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(path);
  } catch {
    throw new UnknownIndex("a path in it is not UTF-8");
  }
  const isPlain = name.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (!isPlain) throw new UnknownIndex("a path in it is wrong");
  return name;
}

function text(bytes: Uint8Array<ArrayBuffer>, at: number, length: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + length));
}

function hex(bytes: Uint8Array<ArrayBuffer>): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
