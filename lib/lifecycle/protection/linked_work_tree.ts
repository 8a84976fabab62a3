import type { Config } from "../../config/config.ts";
import { lstatIfExists } from "../../host/files/files.ts";
import { findGitRepository, type GitRepository } from "../../git/repository.ts";
import { problemWithTarget } from "../../base/guest_path.ts";
import { isWithin, joinPath } from "../../base/paths.ts";
import type { Emit } from "../../base/progress.ts";
import { readRegularFile } from "../../host/files/regular_file.ts";
import { located, type MountSource } from "./located.ts";
import { findCommonDirectoryProtection, linkedWithin } from "./protect.ts";

/** What a guest needs beside a linked work tree so that git works there. */
export interface LinkedWorkTree {
  /** Absent where the repository lies in the share. */
  readonly repository?: {
    readonly mount: Config["mounts"][number];
    readonly source: MountSource;
  };
  /** The work tree, at the guest's place of its share, is seen at its own path of this host too. */
  readonly bind: { readonly from: string; readonly to: string };
}

/**
 * For each writable share that is a linked work tree of git's: its repository, at the same path in the
 * guest, since the work tree's `.git` file and the repository name each other by that. Without the
 * second, git in the guest would take the work tree for one that is gone, and prune it.
 *
 * Where that cannot be, a warning says why, and the machine comes without.
 */
export async function linkedWorkTrees(
  mounts: Config["mounts"],
  sources: readonly MountSource[],
  emit: Emit,
): Promise<readonly LinkedWorkTree[]> {
  const found: LinkedWorkTree[] = [];
  for (const [index, mount] of mounts.entries()) {
    const source = sources[index];
    if (source === undefined || mount.readonly || mount.overlay) continue;
    const dotGit = joinPath(source.path, ".git");
    const info = await lstatIfExists(dotGit).catch(() => undefined);
    if (info?.isDirectory && (await linkedWithin(dotGit, source.path)).length > 0) {
      if (mount.target !== source.path && isFree(source.path, mounts)) {
        found.push({ bind: { from: mount.target, to: source.path } });
      }
    }
    if (!info?.isFile) continue;
    try {
      const repository = await findGitRepository(source.path);
      if (repository === undefined) continue;
      await requireUsable(dotGit, repository, mounts);
      const { commonDirectory } = repository;
      if (found.some((other) => other.repository?.source.path === commonDirectory)) continue;
      emit({
        kind: "note",
        message: `${source.path} is a linked work tree: ${commonDirectory} is shared too`,
      });
      found.push({
        repository: {
          mount: {
            source: commonDirectory,
            target: commonDirectory,
            readonly: false,
            overlay: false,
          },
          source: {
            ...await located(commonDirectory),
            ...await protectionOf(repository, emit),
          },
        },
        bind: { from: mount.target, to: source.path },
      });
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      emit({ kind: "warning", message: `git will not work in ${mount.target}: ${reason}` });
    }
  }
  return found;
}

/** Whether the guest can have a directory at its path of this host. */
function isFree(path: string, mounts: Config["mounts"]): boolean {
  return problemWithTarget(path) === undefined && !isWithin(path, "/root") &&
    !mounts.some(({ target }) => target === path);
}

async function protectionOf(
  { commonDirectory, gitDirectory }: GitRepository,
  emit: Emit,
): Promise<Pick<MountSource, "protection">> {
  const { protection, warnings } = await findCommonDirectoryProtection(
    commonDirectory,
    gitDirectory,
  );
  for (const message of warnings) emit({ kind: "warning", message });
  return { protection };
}

/** @throws {Error} that says why not, and what would help. */
async function requireUsable(
  dotGit: string,
  repository: GitRepository,
  mounts: Config["mounts"],
): Promise<void> {
  const { commonDirectory, isMutual, top } = repository;
  const fix = `share the directory that holds both: mounts = [ { source = "..."; ... } ]`;
  if (!isMutual) {
    throw new Error(
      `${dotGit} names ${commonDirectory}, which does not know of it; ` +
        "`git worktree repair` in the repository, or `git submodule absorbgitdirs`",
    );
  }
  const text = new TextDecoder().decode(await readRegularFile(dotGit, 65_536));
  if (!/^gitdir: \//.test(text)) {
    throw new Error(`${dotGit} names its repository by a relative path; ${fix}`);
  }
  for (const path of [commonDirectory, top]) {
    // The guest's user cannot enter root's home.
    const problem = isWithin(path, "/root") ? "lies in /root" : problemWithTarget(path);
    if (problem !== undefined) {
      throw new Error(
        `its repository at ${commonDirectory} is needed at the same path, and ` +
          `${path} ${problem}; ${fix}`,
      );
    }
    if (mounts.some(({ target }) => target === path)) {
      throw new Error(
        `its repository ${commonDirectory} and ${top} are needed at the same paths, ` +
          `and ${path} is taken by a mount`,
      );
    }
  }
}
