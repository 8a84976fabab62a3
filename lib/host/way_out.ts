import { NixboxError } from "./error.ts";
import { isWithin } from "./guest_path.ts";

/**
 * Follows a path as the kernel does, and refuses it if a symlink that lies in one of `roots`, where a
 * guest may have made it, leads out of there. What is missing at the end is no fault.
 *
 * @param path Absolute.
 * @param roots Real paths of the directories that a guest can write to.
 * @throws {NixboxError} that names the link and where it leads.
 */
export async function requireNoWayOut(path: string, roots: readonly string[]): Promise<void> {
  let at = "/";
  let suspect: { readonly link: string; readonly root: string } | undefined;
  for (const part of path.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === "..") {
      at = at.slice(0, at.lastIndexOf("/")) || "/";
      continue;
    }
    const next = `${at === "/" ? "" : at}/${part}`;
    const root = roots.find((candidate) => isWithin(next, candidate) && next !== candidate);
    const real = await follow(next);
    if (real === undefined) break;
    if (real !== next && root !== undefined) suspect ??= { link: next, root };
    at = real;
  }
  if (suspect === undefined || isWithin(at, suspect.root)) return;
  throw new NixboxError(`${suspect.link} is a symlink that leads to ${at}`, {
    hint:
      `a machine can write to ${suspect.root} and may have made it; name ${at} itself if that ` +
      "is what you mean",
  });
}

/** The path itself, or what a symlink there leads to; `undefined` where there is nothing. */
async function follow(path: string): Promise<string | undefined> {
  try {
    const { isSymlink } = await Deno.lstat(path);
    return isSymlink ? await Deno.realPath(path) : path;
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.FilesystemLoop || error instanceof Deno.errors.PermissionDenied
    ) return undefined;
    throw error;
  }
}
