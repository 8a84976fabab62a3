import { NixboxError } from "../base/error.ts";
import { readOwnFile } from "../host/files/own_file.ts";
import { readTextIfExists, removeIfExists, writeTextAtomically } from "../host/files/files.ts";
import type { Host } from "../host/host.ts";
import { parseJson } from "../base/json.ts";
import { printableCommand } from "../host/process/run.ts";
import { isArrayOf, isObjectOf, isOneOf, isString } from "../base/type_guards.ts";

/** A file as it was when the user accepted it. */
export interface AcceptedFile {
  /** From the project's directory, or absolute. */
  readonly name: string;
  readonly kind: "file" | "program" | "symlink" | "special";
  /** SHA-256 of its content; of where it leads, for a symlink. */
  readonly hash: string;
}

/** What of a project was accepted last: only to show what has changed since. */
export interface LastAccepted {
  readonly version: 1;
  readonly hash: string;
  readonly files: readonly AcceptedFile[];
}

const isAccepted = isObjectOf<{ readonly version: 1; readonly hash: string }>({
  version: isOneOf(1),
  hash: isString,
});

const isLastAccepted = isObjectOf<LastAccepted>({
  version: isOneOf(1),
  hash: isString,
  files: isArrayOf(isObjectOf<AcceptedFile>({
    name: isString,
    kind: isOneOf("file", "program", "symlink", "special"),
    hash: isString,
  })),
});

type StateHost = Pick<Host, "paths" | "user">;

/** A content of some thousand files. */
const mostBytes = 4 << 20;

function read(host: StateHost, path: string): string | undefined {
  const expected = { owners: [host.user.uid], mostBytes, hint: wayOut(path) };
  return readOwnFile(path, expected);
}

function wayOut(path: string): string {
  const command = printableCommand(["rm", "-rf", "--", path]);
  return `it is part of the trust state: look at it, then \`${command}\` and \`nixbox trust\` again`;
}

function unusable(path: string, why: string): NixboxError {
  return new NixboxError(`${path} ${why}`, { where: path, hint: wayOut(path) });
}

/** Accepted contents, one file each, whatever project they are of and wherever that lies. */
function acceptedFile(host: StateHost, kind: "contents" | "keys", hash: string): string {
  return `${host.paths.state}/trust/${kind}/${hash}.json`;
}

/**
 * Whether the user has accepted a content, or a key pair, by its hash.
 *
 * @throws {NixboxError} if what is written down about it cannot be read: that is not consent.
 */
export async function isAcceptedHash(
  host: StateHost,
  kind: "contents" | "keys",
  hash: string,
): Promise<boolean> {
  await requireOwnDirectories(host, kind);
  const path = acceptedFile(host, kind, hash);
  const text = read(host, path);
  if (text === undefined) return false;
  const value = parseJson(text);
  if (isAccepted(value) && value.hash === hash) return true;
  throw unusable(path, "is garbage, or of another version of nixbox");
}

/** Notes that the user has accepted a content or a key pair. */
export async function noteAcceptedHash(
  host: StateHost,
  kind: "contents" | "keys",
  hash: string,
): Promise<void> {
  const directory = `${host.paths.state}/trust/${kind}`;
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  await requireOwnDirectories(host, kind);
  const accepted = { version: 1, hash };
  await writeTextAtomically(acceptedFile(host, kind, hash), `${JSON.stringify(accepted)}\n`);
}

/** A directory that others may write to, or a link in its place, could hold anybody's word. */
async function requireOwnDirectories(host: StateHost, kind: string): Promise<void> {
  const { state } = host.paths;
  for (const path of [state, `${state}/trust`, `${state}/trust/${kind}`]) {
    let info: Deno.FileInfo;
    try {
      info = await Deno.lstat(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw unusable(path, "cannot be looked at");
    }
    if (!info.isDirectory) throw unusable(path, "is not a directory");
    if (info.uid !== host.user.uid) throw unusable(path, "belongs to another user");
    if (((info.mode ?? 0) & 0o022) !== 0) throw unusable(path, "can be written by others");
  }
}

function lastDirectory(host: StateHost, id: string): string {
  return `${host.paths.state}/projects/${id}/accepted`;
}

/** What was accepted last of a project; `undefined` if nothing ever was. */
export function readLastAccepted(host: StateHost, id: string): LastAccepted | undefined {
  const path = `${lastDirectory(host, id)}/accepted.json`;
  const text = read(host, path);
  if (text === undefined) return undefined;
  const value = parseJson(text);
  if (isLastAccepted(value)) return value;
  throw unusable(lastDirectory(host, id), "has an accepted.json that is garbage");
}

/** The content of a file as it was accepted; `undefined` if it is not kept. */
export async function readAcceptedContent(
  host: StateHost,
  id: string,
  { hash }: AcceptedFile,
): Promise<string | undefined> {
  if (!/^[0-9a-f]{64}$/.test(hash)) return undefined;
  return await readTextIfExists(`${lastDirectory(host, id)}/${hash}`);
}

/** Keeps the files that were accepted in place of those of the time before. */
export async function keepLastAccepted(
  host: StateHost,
  id: string,
  hash: string,
  files: readonly (AcceptedFile & { readonly content: Uint8Array<ArrayBuffer> })[],
): Promise<void> {
  const directory = lastDirectory(host, id);
  await removeIfExists(directory);
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  for (const { hash: contentHash, content } of files) {
    await Deno.writeFile(`${directory}/${contentHash}`, content, { mode: 0o600 });
  }
  const last: LastAccepted = {
    version: 1,
    hash,
    files: files.map(({ name, kind, hash: contentHash }) => ({ name, kind, hash: contentHash })),
  };
  await writeTextAtomically(`${directory}/accepted.json`, `${JSON.stringify(last, null, 2)}\n`);
}
