import { joinPath, parentOf } from "../../base/paths.ts";

/** As many symlinks as Linux follows on one path (path_resolution(7)). */
const mostLinks = 40;

/** One part of a path, as the kernel comes to it; its path has no symlink on the way. */
export type PathPart =
  | { readonly kind: "link"; readonly path: string; readonly target: string }
  | { readonly kind: "entry"; readonly path: string; readonly isDirectory: boolean }
  | { readonly kind: "missing"; readonly path: string }
  /** This user may not look at it, or the system gives an error. */
  | { readonly kind: "hidden"; readonly path: string; readonly error: unknown };

/** Where a path ends. */
export interface PathEnd {
  /** Without a symlink in it, unless it is `endless`; what is missing or hidden is as it is written. */
  readonly path: string;
  /** Whether it is a directory; not of what is missing or hidden. */
  readonly isDirectory: boolean;
  /** `stopped` by who looks; `endless`: more symlinks than a kernel follows. */
  readonly end: "whole" | "stopped" | "endless";
}

/**
 * Follows a path as the kernel does, symlink by symlink.
 *
 * @param path Absolute.
 * @param look Called for each part in order, before a link is followed; "stop" ends it there.
 */
export async function followPath(
  path: string,
  look: (part: PathPart) => "stop" | void,
): Promise<PathEnd> {
  const parts = path.split("/");
  let at = "/";
  let links = 0;
  let isDirectory = true;
  for (let name = parts.shift(); name !== undefined; name = parts.shift()) {
    if (name === "" || name === ".") continue;
    if (name === "..") {
      at = parentOf(at);
      isDirectory = true;
      continue;
    }
    const part = await partAt(joinPath(at, name));
    if (look(part) === "stop") return { path: at, isDirectory, end: "stopped" };
    if (part.kind !== "link") {
      at = part.path;
      isDirectory = part.kind === "entry" && part.isDirectory;
      continue;
    }
    if (++links > mostLinks) return { path: at, isDirectory: true, end: "endless" };
    if (part.target.startsWith("/")) at = "/";
    isDirectory = true;
    parts.unshift(...part.target.split("/"));
  }
  return { path: at, isDirectory, end: "whole" };
}

async function partAt(path: string): Promise<PathPart> {
  try {
    const { isSymlink, isDirectory } = await Deno.lstat(path);
    return isSymlink
      ? { kind: "link", path, target: await Deno.readLink(path) }
      : { kind: "entry", path, isDirectory };
  } catch (error) {
    const isMissing = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    return isMissing ? { kind: "missing", path } : { kind: "hidden", path, error };
  }
}
