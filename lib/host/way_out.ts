import { NixboxError } from "./error.ts";
import { isWithin, joinPath, parentOf } from "./paths.ts";

/** As many symlinks as Linux follows on one path (path_resolution(7)). */
const mostLinks = 40;

/**
 * Follows a path as the kernel does, link by link, and refuses it if a symlink that lies in one of
 * `roots`, where a guest may have made it, leads out of there. What is missing at the end is no fault.
 *
 * @param path Absolute.
 * @param roots Real paths of the directories that a guest can write to.
 * @returns The root in which the path ends, if it ends in one.
 * @throws {NixboxError} that names the link and where it leads.
 */
export async function requireNoWayOut(
  path: string,
  roots: readonly string[],
): Promise<string | undefined> {
  let at = "/";
  let suspect: { readonly link: string; readonly root: string } | undefined;
  let links = 0;
  const parts = path.split("/");
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = parentOf(at);
      continue;
    }
    const next = joinPath(at, part);
    const target = await linkAt(next);
    if (target === undefined) {
      at = next;
      continue;
    }
    if (++links > mostLinks) break;
    const root = roots.find((candidate) => isWithin(next, candidate) && next !== candidate);
    if (root !== undefined) suspect ??= { link: next, root };
    if (target.startsWith("/")) at = "/";
    parts.unshift(...target.split("/"));
  }
  if (suspect !== undefined && !isWithin(at, suspect.root)) {
    throw new NixboxError(`${suspect.link} is a symlink that leads to ${at}`, {
      hint: `a machine can write to ${suspect.root} and may have made it; name ${at} itself if ` +
        "that is what you mean",
    });
  }
  return roots.find((root) => isWithin(at, root));
}

/** Where a symlink leads; `undefined` for everything else, and where there is nothing. */
async function linkAt(path: string): Promise<string | undefined> {
  try {
    return (await Deno.lstat(path)).isSymlink ? await Deno.readLink(path) : undefined;
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.PermissionDenied
    ) return undefined;
    throw error;
  }
}

/**
 * The real path of what {@linkcode requireNoWayOut} has let pass.
 *
 * @param root What it gave.
 * @throws {NixboxError} if the path has come to lead elsewhere since.
 */
export async function realPathWithin(path: string, root: string | undefined): Promise<string> {
  const real = await Deno.realPath(path);
  if (root === undefined || isWithin(real, root)) return real;
  throw new NixboxError(`${path} leads to ${real} now, and did not a moment ago`, {
    hint: `a machine can write to ${root}`,
  });
}
