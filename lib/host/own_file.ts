import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { messageOf, NixboxError } from "./error.ts";

/** What a file that is read as our own must be. */
export interface OwnFile {
  /** User ids that may own it. */
  readonly owners: readonly number[];
  /** Bytes that it may have. */
  readonly mostBytes: number;
  /** The way out, for the error. */
  readonly hint: string;
}

/** Follows no symlink, waits for nobody at the other end of a FIFO, and takes no terminal. */
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK |
  constants.O_NOCTTY;

/**
 * The text of a file of nixbox's own, which somebody may have put something else in the place of: it
 * must be a regular file of one of `owners`, and of a bounded size. Never blocks.
 *
 * @returns `undefined` if there is nothing.
 * @throws {NixboxError} that names the path, what is wrong with it and the way out.
 */
export function readOwnFile(path: string, expected: OwnFile): string | undefined {
  const refuse = (what: string, cause?: unknown) =>
    new NixboxError(`${path} ${what}`, { where: path, hint: expected.hint, cause });
  let descriptor: number;
  try {
    descriptor = openSync(path, flags);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw refuse("is a symlink, which is not followed", error);
    if (code === "ENXIO") throw refuse("is not a regular file", error);
    if (code === "EACCES" || code === "EPERM") throw refuse("may not be read by you", error);
    throw refuse(`cannot be read: ${messageOf(error)}`, error);
  }
  try {
    const found = fstatSync(descriptor);
    if (!found.isFile()) throw refuse("is not a regular file");
    if (!expected.owners.includes(found.uid)) {
      throw refuse(`belongs to user ${found.uid}`);
    }
    if (found.size > expected.mostBytes) {
      throw refuse(`has ${found.size} bytes, more than the ${expected.mostBytes} that it may have`);
    }
    return readAll(descriptor, expected.mostBytes);
  } finally {
    closeSync(descriptor);
  }
}

/** It may grow while it is read: no more than was said. */
function readAll(descriptor: number, mostBytes: number): string {
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < mostBytes) {
    const part = new Uint8Array(Math.min(65_536, mostBytes - length));
    const count = readSync(descriptor, part, 0, part.length, null);
    if (count === 0) break;
    parts.push(part.subarray(0, count));
    length += count;
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return new TextDecoder().decode(bytes);
}

function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null ? Reflect.get(error, "code") : undefined;
}
