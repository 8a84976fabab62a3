import type { Project } from "../../config/config.ts";
import { NixboxError } from "../../base/error.ts";
import { lstatIfExists } from "../../host/files/files.ts";
import { readGitTracking } from "../../git/tracking.ts";
import { sha256 } from "../../base/hash.ts";
import type { Host } from "../../host/host.ts";
import { ensureKeys, mostKeyBytes, projectKeys, rotateKeys } from "../../guest/keys.ts";
import { isAcceptedHash, noteAcceptedHash } from "../../state/consents.ts";

/** A key pair of the project by its private file, and the SHA-256 of both halves. */
interface KeyFile {
  readonly path: string;
  readonly hash: string;
}

/** Makes the project's keys where they are missing, and notes that they were made here. */
export async function ensureOwnKeys(host: Host, project: Project, name: string): Promise<boolean> {
  return await noteNewKeys(host, project, () => ensureKeys(host, project.configDirectory, name));
}

/** Makes all of the project's keys again, and notes that they were made here. */
export async function rotateOwnKeys(host: Host, project: Project, name: string): Promise<void> {
  await noteNewKeys(host, project, () => rotateKeys(host, project.configDirectory, name));
}

async function noteNewKeys<T>(host: Host, project: Project, make: () => Promise<T>): Promise<T> {
  const before = new Set((await keyFiles(project)).map(({ hash }) => hash));
  const result = await make();
  for (const { hash } of await keyFiles(project)) {
    if (!before.has(hash)) await noteAcceptedHash(host, "keys", hash);
  }
  return result;
}

/**
 * Private keys in `.nixbox/ssh/` that were neither made on this host nor accepted: whoever made them
 * has a way into the guest.
 */
export async function foreignKeys(host: Host, project: Project): Promise<readonly KeyFile[]> {
  const foreign: KeyFile[] = [];
  for (const key of await keyFiles(project)) {
    if (!await isAcceptedHash(host, "keys", key.hash)) foreign.push(key);
  }
  return foreign;
}

/**
 * @throws {NixboxError} if git tracks keys of the project: whoever has the repository has them, too. Also
 * if that cannot be told of keys that were not made here.
 */
export async function requireUntrackedKeys(host: Host, project: Project): Promise<void> {
  const directory = `${project.configDirectory}/ssh`;
  if (await lstatIfExists(directory) === undefined) return;
  const tracking = await readGitTracking(project.directory, directory);
  if (tracking.kind === "none") return;
  if (tracking.kind === "known") {
    const [first] = tracking.entries;
    if (first === undefined) return;
    throw new NixboxError("git tracks this project's keys: whoever has the repository has them", {
      where: first.path,
      hint: "`git rm -r --cached .nixbox/ssh`, commit that, then `nixbox setup --rotate`",
    });
  }
  if ((await foreignKeys(host, project)).length === 0) return;
  throw new NixboxError(
    `whether git tracks this project's keys cannot be told: ${tracking.reason}`,
    {
      where: directory,
      hint: "fix the repository, or make new keys: remove .nixbox/ssh, then `nixbox setup`",
    },
  );
}

async function keyFiles({ configDirectory }: Project): Promise<readonly KeyFile[]> {
  const keys = projectKeys(configDirectory);
  const found: KeyFile[] = [];
  for (const { privateFile: path, publicFile } of [keys.login, keys.host, keys.identity]) {
    const halves = [await readKey(path), await readKey(publicFile)];
    // Half a pair is made again.
    if (halves.includes(undefined)) continue;
    found.push({ path, hash: await sha256(JSON.stringify(halves)) });
  }
  return found;
}

/** What is not a plain file is refused where keys are made. */
async function readKey(path: string): Promise<string | undefined> {
  const info = await lstatIfExists(path);
  if (info === undefined || !info.isFile || info.size > mostKeyBytes) return undefined;
  return await Deno.readTextFile(path);
}
