/** What the first bytes of a TLS connection say of the name that it is for. */
export type HelloName =
  | {
    readonly kind: "name";
    readonly name: string;
    /** How many bytes the message takes, its records included. */
    readonly bytes: number;
  }
  /** The message is not whole yet: there must be so many bytes before it is worth another look. */
  | { readonly kind: "more"; readonly bytes: number }
  | { readonly kind: "refused"; readonly problem: HelloProblem };

/** As lib/network/refusals.ts explains them. */
export type HelloProblem = "no-tls" | "?unreadable" | "?nameless" | "?encrypted";

/** RFC 8446: record and handshake types, and of RFC 6066 and 9849 the extensions. */
const handshakeRecord = 22;
const clientHello = 1;
const serverNameExtension = 0;
const encryptedHelloExtension = 0xfe0d;

/** A hello with post-quantum keys and a session ticket has some 2 KiB; nobody's has 32. */
const longestHello = 32 * 1024;

/** Clients that split it, to get past filters that read one packet, make a few. */
const mostRecords = 64;

/**
 * Reads the name from the first message of a TLS connection (RFC 8446, sections 4.1.2 and 5.1; RFC
 * 6066, section 3), which may come in several records. A name that could be read in two ways, or that
 * is hidden in an encrypted second message (RFC 9849), is refused.
 */
export function readHelloName(bytes: Uint8Array): HelloName {
  const message = handshakeMessage(bytes);
  if (message.kind !== "message") return message;
  const reader = new Reader(message.bytes);
  const name = reader.try(() => nameIn(reader));
  if (name === undefined) return refused("?unreadable");
  return name.kind === "name" ? { ...name, bytes: message.end } : name;
}

/** The whole ClientHello, put together from its records. */
function handshakeMessage(
  bytes: Uint8Array,
):
  | { readonly kind: "message"; readonly bytes: Uint8Array; readonly end: number }
  | HelloName {
  const parts: number[] = [];
  let at = 0;
  for (let records = 0; at < bytes.length; records++) {
    if (records === mostRecords) return refused("?unreadable");
    if (bytes[at] !== handshakeRecord || (bytes.length > at + 1 && bytes[at + 1] !== 3)) {
      return refused(at === 0 ? "no-tls" : "?unreadable");
    }
    if (bytes.length < at + 5) return { kind: "more", bytes: at + 5 };
    const length = number(bytes, at + 3, 2);
    if (length === 0 || length > 16384) return refused("?unreadable");
    if (bytes.length > at + 5 && parts.length === 0 && bytes[at + 5] !== clientHello) {
      return refused("?unreadable");
    }
    if (bytes.length < at + 5 + length) return { kind: "more", bytes: at + 5 + length };
    for (const byte of bytes.subarray(at + 5, at + 5 + length)) parts.push(byte);
    at += 5 + length;
    if (parts.length < 4) continue;
    const wanted = 4 + ((parts[1] ?? 0) << 16) + ((parts[2] ?? 0) << 8) + (parts[3] ?? 0);
    if (wanted > longestHello) return refused("?unreadable");
    // What comes after its last record is for the server.
    if (parts.length > wanted) return refused("?unreadable");
    if (parts.length === wanted) {
      return { kind: "message", bytes: Uint8Array.from(parts.slice(4)), end: at };
    }
  }
  return { kind: "more", bytes: at + 5 };
}

function nameIn(
  reader: Reader,
): { readonly kind: "name"; readonly name: string } | HelloName & { readonly kind: "refused" } {
  reader.skip(2 + 32);
  reader.field(1);
  reader.field(2);
  reader.field(1);
  const extensions = new Reader(reader.field(2));
  if (!reader.isAtEnd) throw new Unreadable();
  let name: string | undefined;
  while (!extensions.isAtEnd) {
    const kind = extensions.number(2);
    const content = extensions.field(2);
    if (kind === encryptedHelloExtension) return refused("?encrypted");
    if (kind !== serverNameExtension) continue;
    if (name !== undefined) throw new Unreadable();
    name = serverName(content);
  }
  return name === undefined ? refused("?nameless") : { kind: "name", name };
}

/** A list of one entry of type host_name (0). */
function serverName(content: Uint8Array): string {
  const outer = new Reader(content);
  const list = new Reader(outer.field(2));
  if (!outer.isAtEnd || list.number(1) !== 0) throw new Unreadable();
  const name = String.fromCharCode(...list.field(2)).toLowerCase();
  if (!list.isAtEnd || !/^[a-z0-9_][a-z0-9._-]{0,254}$/.test(name)) throw new Unreadable();
  return name;
}

/** Thrown and caught in this file only: bytes that are not what they should be. */
class Unreadable extends Error {}

class Reader {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.#at === this.bytes.length;
  }

  skip(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.bytes.length) throw new Unreadable();
    const part = this.bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  number(length: number): number {
    return number(this.skip(length), 0, length);
  }

  /** A field that begins with its length. */
  field(lengthBytes: number): Uint8Array {
    return this.skip(this.number(lengthBytes));
  }

  try<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (error instanceof Unreadable) return undefined;
      throw error;
    }
  }
}

function number(bytes: Uint8Array, at: number, length: number): number {
  let value = 0;
  for (let index = at; index < at + length; index++) value = value * 256 + (bytes[index] ?? 0);
  return value;
}

function refused(problem: HelloProblem): HelloName & { readonly kind: "refused" } {
  return { kind: "refused", problem };
}
