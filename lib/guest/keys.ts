import { NixboxError } from "../base/error.ts";
import {
  ensurePrivateDirectory,
  exists,
  lstatIfExists,
  removeIfExists,
} from "../host/files/files.ts";
import type { Host } from "../host/host.ts";
import { run, toolMs } from "../host/process/run.ts";

/** The project's three key pairs, under `.nixbox/ssh/`, which the guest never sees. */
export interface ProjectKeys {
  /** Logs the host in to the guest; its private half never leaves the host. */
  readonly login: KeyPair;
  /** The guest's host key, known in advance. */
  readonly host: KeyPair;
  /** The guest's own identity towards others (git hosts); goes into the guest. */
  readonly identity: KeyPair;
}

export interface KeyPair {
  readonly privateFile: string;
  readonly publicFile: string;
}

export function projectKeys(configDirectory: string): ProjectKeys {
  const pair = (name: string): KeyPair => ({
    privateFile: `${configDirectory}/ssh/${name}`,
    publicFile: `${configDirectory}/ssh/${name}.pub`,
  });
  return {
    login: pair("login_ed25519"),
    host: pair("host_ed25519"),
    identity: pair("identity_ed25519"),
  };
}

/** Makes the keys that are missing. Gives `true` if any was. */
export async function ensureKeys(
  host: Host,
  configDirectory: string,
  projectName: string,
): Promise<boolean> {
  const keys = projectKeys(configDirectory);
  await makeKeyDirectory(host, `${configDirectory}/ssh`);
  const missing: string[] = [];
  for (const pair of [keys.login, keys.host, keys.identity]) {
    if (!await isComplete(pair)) missing.push(pair.privateFile);
  }
  await Promise.all(missing.map((file) => makeKey(file, `nixbox-${projectName}`)));
  return missing.length > 0;
}

/**
 * Makes three new key pairs. The old ones are there, whole, until all of the new ones are.
 *
 * @throws {NixboxError} if one could not be made; the old ones stay then.
 */
export async function rotateKeys(
  host: Host,
  configDirectory: string,
  projectName: string,
): Promise<void> {
  const directory = `${configDirectory}/ssh`;
  await ensurePrivateDirectory(directory, host.user.uid);
  const fresh = await Deno.makeTempDir({ dir: directory, prefix: "new-" });
  try {
    await ensureKeys(host, fresh, projectName);
    const [from, to] = [projectKeys(fresh), projectKeys(configDirectory)];
    await replacePair(from.login, to.login);
    await replacePair(from.host, to.host);
    await replacePair(from.identity, to.identity);
  } finally {
    await removeIfExists(fresh);
  }
}

/** @throws {NixboxError} if something else is in its place. */
async function makeKeyDirectory(host: Host, directory: string): Promise<void> {
  const found = await lstatIfExists(directory);
  if (found !== undefined && !found.isDirectory) throw notKeys(directory, "is not a directory");
  await ensurePrivateDirectory(directory, host.user.uid);
}

/** More than any key of OpenSSH's has. */
export const mostKeyBytes = 16_384;

function notKeys(path: string, problem: string): NixboxError {
  return new NixboxError(`${path} ${problem}`, {
    where: path,
    hint: "look at what it is: a guest may have made it. Remove it: `nixbox setup` makes new keys",
  });
}

/** Cut short, it leaves a pair without a public half, which the next `up` makes again. */
async function replacePair(from: KeyPair, to: KeyPair): Promise<void> {
  await removeIfExists(to.publicFile);
  await Deno.rename(from.privateFile, to.privateFile);
  await Deno.rename(from.publicFile, to.publicFile);
}

/**
 * Where a guest can write to `.nixbox` (macOS), a link in a key's place would bring it what the link
 * leads to.
 *
 * @throws {NixboxError} if a half is there and no plain file.
 */
async function isComplete(pair: KeyPair): Promise<boolean> {
  const halves = await Promise.all([pair.privateFile, pair.publicFile].map(lstatIfExists));
  for (const [index, half] of halves.entries()) {
    if (half === undefined) continue;
    const path = index === 0 ? pair.privateFile : pair.publicFile;
    if (!half.isFile) throw notKeys(path, "is not a plain file, and keys are nothing else");
    if (half.size > mostKeyBytes) throw notKeys(path, "is too big for a key");
  }
  return halves.every((half) => half !== undefined);
}

/** Ed25519 without a passphrase: the directory's mode guards it, and `up` must not ask. */
async function makeKey(file: string, comment: string): Promise<void> {
  for (const half of [file, `${file}.pub`]) {
    if (await exists(half)) await Deno.remove(half);
  }
  await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", file], {
    timeoutMs: toolMs,
  });
}
