import { NixboxError } from "../base/error.ts";
import { lstatIfExists } from "../host/files/files.ts";
import { gitConfigValue } from "./config_file.ts";
import type { GitObjectFormat } from "./index_file.ts";
import { joinPath, parentOf, resolvePath } from "../base/paths.ts";
import { readRegularFile } from "../host/files/regular_file.ts";

/** A repository of git and one of its work trees. All paths are real. */
export interface GitRepository {
  /** The top of the work tree, which holds `.git`. */
  readonly top: string;
  /** What is this work tree's own: HEAD and the index. */
  readonly gitDirectory: string;
  /** What all work trees share: config, hooks, objects, branches. */
  readonly commonDirectory: string;
  /**
   * Where `.git` is a file: whether the repository that it names says by itself that this work tree
   * is one of its (a linked work tree, or a submodule). A file alone could be anybody's.
   */
  readonly isMutual: boolean;
  readonly objectFormat: GitObjectFormat;
}

/** Files of a few lines. */
const smallFile = 65_536;
/** A config with many remotes and branches. */
const configFile = 4_194_304;

/**
 * Finds the repository that a directory is in, as git does (gitrepository-layout(5)), from the files
 * alone: git itself runs programs that a repository's config names. No variable such as GIT_DIR
 * counts. `undefined` if there is none.
 *
 * @param directory Real path.
 * @throws {NixboxError} where git's answer cannot be told.
 */
export async function findGitRepository(directory: string): Promise<GitRepository | undefined> {
  for (let top = directory;; top = parentOf(top)) {
    const dotGit = joinPath(top, ".git");
    const info = await statIfExists(dotGit);
    if (info?.isDirectory) {
      const found = await repositoryIn(top, await Deno.realPath(dotGit));
      // git takes no notice of a directory that only has the name.
      if (found !== undefined) return found;
    } else if (info !== undefined) {
      return await repositoryOfFile(top, dotGit);
    }
    if (top === "/") return undefined;
  }
}

/** `.git` as a file: "gitdir: PATH", in linked work trees and submodules. */
async function repositoryOfFile(top: string, dotGit: string): Promise<GitRepository> {
  const named = /^gitdir: ([^\0]+?)[\r\n]*$/.exec(await readText(dotGit, smallFile) ?? "")?.[1];
  if (named === undefined) throw unknown(dotGit, "it names no repository");
  const path = resolvePath(top, named);
  const info = await statIfExists(path);
  const found = info?.isDirectory ? await repositoryIn(top, await Deno.realPath(path)) : undefined;
  if (found === undefined) throw unknown(dotGit, `${path} is not a repository`);
  return found;
}

async function repositoryIn(top: string, gitDirectory: string): Promise<GitRepository | undefined> {
  const commonDirectory = await commonDirectoryOf(gitDirectory);
  if (commonDirectory === undefined || !await isRepository(gitDirectory, commonDirectory)) {
    return undefined;
  }
  const config = await readText(joinPath(commonDirectory, "config"), configFile) ?? "";
  const named = gitConfigValue(config, "extensions", "objectformat") ?? "sha1";
  if (named !== "sha1" && named !== "sha256") {
    throw unknown(gitDirectory, `its object format is ${JSON.stringify(named)}`);
  }
  const isOwn = gitDirectory === joinPath(top, ".git");
  const isLinked = gitDirectory !== commonDirectory;
  const ofOne = gitConfigValue(config, "extensions", "worktreeconfig") === "true"
    ? await readText(joinPath(gitDirectory, "config.worktree"), configFile) ?? ""
    : "";
  // A linked work tree's top is where its .git file is; the shared config's worktree is another's.
  const worktree = gitConfigValue(isLinked ? ofOne : `${config}\n${ofOne}`, "core", "worktree");
  const ownTop = worktree === undefined ? undefined : await realPathOf(gitDirectory, worktree);
  if (worktree !== undefined && ownTop !== top) {
    throw unknown(gitDirectory, `its core.worktree is ${JSON.stringify(worktree)}`);
  }
  const isMutual = isOwn || ownTop === top || isLinked &&
      parentOf(gitDirectory) === joinPath(commonDirectory, "worktrees") &&
      await namesBack(gitDirectory, top);
  return { top, gitDirectory, commonDirectory, isMutual, objectFormat: named };
}

/** `undefined` where the file that names it leads nowhere. */
async function commonDirectoryOf(gitDirectory: string): Promise<string | undefined> {
  const text = await readText(joinPath(gitDirectory, "commondir"), smallFile);
  if (text === undefined) return gitDirectory;
  return await realPathOf(gitDirectory, text.replace(/[\r\n]+$/, ""));
}

/** As git decides it: setup.c, is_git_directory(). */
async function isRepository(gitDirectory: string, commonDirectory: string): Promise<boolean> {
  const head = await lstatIfExists(joinPath(gitDirectory, "HEAD"));
  if (head === undefined) return false;
  for (const name of ["objects", "refs"]) {
    if (!(await statIfExists(joinPath(commonDirectory, name)))?.isDirectory) return false;
  }
  return true;
}

/** Whether a linked work tree's directory in its repository names the `.git` file that names it. */
async function namesBack(gitDirectory: string, top: string): Promise<boolean> {
  const text = await readText(joinPath(gitDirectory, "gitdir"), smallFile);
  if (text === undefined) return false;
  return resolvePath(gitDirectory, text.replace(/[\r\n]+$/, "")) === joinPath(top, ".git");
}

async function realPathOf(directory: string, path: string): Promise<string | undefined> {
  try {
    return await Deno.realPath(resolvePath(directory, path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

async function statIfExists(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

async function readText(path: string, mostBytes: number): Promise<string | undefined> {
  const bytes = await readRegularFile(path, mostBytes);
  return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
}

function unknown(path: string, why: string): NixboxError {
  return new NixboxError(`git's files at ${path} cannot be read: ${why}`, {
    where: path,
    hint: "see whether `git status` works there",
  });
}
