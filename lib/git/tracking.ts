import { messageOf } from "../base/error.ts";
import { type GitIndexEntry, parseGitIndex } from "./index_file.ts";
import { findGitRepository, type GitRepository } from "./repository.ts";
import { isWithin, joinPath, pathBelow } from "../base/paths.ts";
import { readRegularFile } from "../host/files/regular_file.ts";

export type { GitIndexEntry, GitObjectFormat } from "./index_file.ts";
export type { GitRepository } from "./repository.ts";

/** What git has of a path. */
export type GitTracking =
  /** The path is in no repository. */
  | { readonly kind: "none" }
  /** It cannot be told, and must not be taken for "not tracked". `reason` is a sentence's part. */
  | { readonly kind: "unknown"; readonly reason: string }
  | {
    readonly kind: "known";
    readonly repository: GitRepository;
    /** Of the path itself and what is below it; empty if git tracks none of it. */
    readonly entries: readonly GitIndexEntry[];
  };

/** An index of a million files has about 100 MiB. */
const largestIndex = 268_435_456;

/**
 * What git tracks at or below a path, read from the index without running git, which would run the
 * programs that a repository's config names. Nothing in the environment, such as GIT_DIR or
 * GIT_INDEX_FILE, counts.
 *
 * @param path Real path of what may or may not be there.
 * @param start Real path of the directory whose repository is asked, the path itself or above it: git
 * takes the nearest one.
 */
export async function readGitTracking(start: string, path: string): Promise<GitTracking> {
  try {
    const repository = await findGitRepository(start);
    if (repository === undefined) return { kind: "none" };
    const { top, gitDirectory, objectFormat } = repository;
    if (!isWithin(path, top)) return { kind: "none" };
    const bytes = await readRegularFile(joinPath(gitDirectory, "index"), largestIndex);
    const below = path === top ? "" : pathBelow(path, top);
    // A repository in which nothing was ever added has no index.
    const entries = bytes === undefined ? [] : await parseGitIndex(bytes, objectFormat, below);
    return { kind: "known", repository, entries };
  } catch (error) {
    return { kind: "unknown", reason: `git's index of ${path}: ${messageOf(error)}` };
  }
}
