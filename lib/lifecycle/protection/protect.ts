import { messageOf } from "../../base/error.ts";
import { lstatIfExists } from "../../host/files/files.ts";
import { gitConfigLeadsTo } from "../../git/config_file.ts";
import { findGitRepository, type GitRepository } from "../../git/repository.ts";
import { isWithin, joinPath, nameOf, parentOf, resolvePath } from "../../base/paths.ts";
import { readRegularFile } from "../../host/files/regular_file.ts";
import type { Protection } from "../../share/covers.ts";
import { gitSealed, gitSealedIfThere, obeyedByDefault } from "../../share/obeyed.ts";

/** What of a share is kept from the guest's hands, and what of that cannot be. */
export interface ProtectionFound {
  readonly protection: Protection;
  /** One sentence for each path that stays open to the guest. */
  readonly warnings: readonly string[];
}

/** Gathers paths; a directory that is sealed whole needs nothing below. */
class Gathering {
  readonly sealed: string[] = [];
  readonly open: string[] = [];
  readonly placeholders: string[] = [];
  readonly warnings: string[] = [];

  async seal(path: string, isNeeded = true): Promise<void> {
    const info = await lstatIfExists(path);
    if (info?.isSymlink) {
      this.warnings.push(`${path} is a symlink, which the guest can replace`);
    } else if (info !== undefined) {
      this.sealed.push(path);
    } else if (isNeeded) {
      this.sealed.push(path);
      this.placeholders.push(path);
    }
  }
}

/**
 * Looks at what a directory has that this host runs or obeys, for a share of it.
 *
 * @param source Real path of the share.
 * @param names Relative paths: `protect` of the config's mount.
 * @param projects Real paths of projects: what they have of the kind is held too, where one lies in
 * the share. Of the first also what is not there yet.
 */
export async function findProtection(
  source: string,
  names: readonly string[] = obeyedByDefault,
  projects: readonly string[] = [],
): Promise<ProtectionFound> {
  const found = new Gathering();
  await sealNames(source, source, names, found, true);
  for (const [index, project] of projects.entries()) {
    if (project === source || !isWithin(project, source)) continue;
    if (!(await lstatIfExists(project).catch(() => undefined))?.isDirectory) continue;
    await sealNames(source, project, names, found, index === 0);
  }
  const { sealed, open, placeholders, warnings } = found;
  return { protection: { sealed: [...new Set(sealed)], open, placeholders, names }, warnings };
}

async function sealNames(
  source: string,
  top: string,
  names: readonly string[],
  found: Gathering,
  isNeeded: boolean,
): Promise<void> {
  for (const name of names) {
    const path = joinPath(top, name);
    if (await passesSymlink(source, path, found)) continue;
    if (nameOf(path) === ".git") await sealGit(path, source, found, isNeeded);
    else await found.seal(isNeeded ? await topmostMissing(top, path) : path, isNeeded);
  }
}

/** What is shared of a repository for the linked work tree at `top`: its common directory. */
export async function findCommonDirectoryProtection(
  commonDirectory: string,
  gitDirectory: string,
): Promise<ProtectionFound> {
  const found = new Gathering();
  await sealRepository(commonDirectory, found);
  if (isWithin(gitDirectory, joinPath(commonDirectory, "worktrees"))) {
    await sealLinked(gitDirectory, found);
  }
  const { sealed, open, placeholders, warnings } = found;
  return { protection: { sealed, open, placeholders, names: [] }, warnings };
}

async function sealGit(
  path: string,
  source: string,
  found: Gathering,
  isNeeded: boolean,
): Promise<void> {
  const info = await lstatIfExists(path);
  if (info?.isDirectory && await isRepository(path)) {
    await sealRepository(path, found);
    await sealLedTo(path, source, found);
    for (const { top, gitDirectory } of await linkedWithin(path, source)) {
      await sealLinked(gitDirectory, found);
      await found.seal(joinPath(top, ".git"), false);
    }
  } else {
    // A file leads to a repository; where there is none, the guest must not make one.
    await found.seal(path, isNeeded);
  }
}

async function sealRepository(directory: string, found: Gathering): Promise<void> {
  for (const name of gitSealed) await found.seal(joinPath(directory, name));
  for (const name of gitSealedIfThere) await found.seal(joinPath(directory, name), false);
}

/** What the config names beside: a guest that could write that would need no config. */
async function sealLedTo(dotGit: string, source: string, found: Gathering): Promise<void> {
  const config = joinPath(dotGit, "config");
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readRegularFile(config, 4_194_304);
  } catch (error) {
    found.warnings.push(`${messageOf(error)}: what it names is not held`);
  }
  const { included, hooks } = gitConfigLeadsTo(new TextDecoder().decode(bytes ?? new Uint8Array()));
  const paths = [
    ...included.map((path) => resolvePath(dotGit, path)),
    ...hooks.map((path) => resolvePath(parentOf(dotGit), path)),
  ].filter((path) => isWithin(path, source) && path !== source && !isWithin(path, dotGit));
  for (const path of paths) {
    if (await passesSymlink(source, path, found)) continue;
    await found.seal(await topmostMissing(source, path));
  }
}

/** A linked work tree has its HEAD and index there; where they lead is not the guest's to say. */
async function sealLinked(gitDirectory: string, found: Gathering): Promise<void> {
  found.open.push(gitDirectory);
  for (const name of ["commondir", "gitdir", "config.worktree"]) {
    await found.seal(joinPath(gitDirectory, name), false);
  }
}

async function isRepository(dotGit: string): Promise<boolean> {
  try {
    return (await findGitRepository(parentOf(dotGit)))?.gitDirectory === dotGit;
  } catch {
    // Of a kind that is not known here: git may know it.
    return true;
  }
}

/** The linked work trees of a repository that lie in the same share; of a few hundred at most. */
export async function linkedWithin(
  dotGit: string,
  source: string,
): Promise<readonly GitRepository[]> {
  const directory = joinPath(dotGit, "worktrees");
  const found: GitRepository[] = [];
  if (!(await lstatIfExists(directory))?.isDirectory) return found;
  let left = 256;
  for await (const { name } of Deno.readDir(directory)) {
    if (left-- === 0) break;
    const bytes = await readRegularFile(joinPath(joinPath(directory, name), "gitdir"), 65_536)
      .catch(() => undefined);
    const named = new TextDecoder().decode(bytes ?? new Uint8Array()).trimEnd();
    const top = parentOf(named);
    if (!named.endsWith("/.git") || !isWithin(top, source) || top === source) continue;
    const repository = await findGitRepository(top).catch(() => undefined);
    if (repository?.isMutual && repository.commonDirectory === dotGit) found.push(repository);
  }
  return found;
}

/** A name with slashes: of what is missing, the topmost directory stands for the rest. */
async function topmostMissing(source: string, path: string): Promise<string> {
  let missing = path;
  for (let at = path; at !== source; at = parentOf(at)) {
    if (await lstatIfExists(at) === undefined) missing = at;
  }
  return missing;
}

/** A symlink on the way cannot be held, and what it leads to is not of the share. */
async function passesSymlink(source: string, path: string, found: Gathering): Promise<boolean> {
  for (let at = parentOf(path); isWithin(at, source) && at !== source; at = parentOf(at)) {
    if (!(await lstatIfExists(at))?.isSymlink) continue;
    found.warnings.push(`${at} is a symlink, which the guest can replace`);
    return true;
  }
  return false;
}
