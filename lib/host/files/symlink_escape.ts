import { NixboxError } from "../../base/error.ts";
import { followPath } from "./follow_path.ts";
import { isWithin } from "../../base/paths.ts";

/**
 * Follows a path as the kernel does, link by link, and refuses it if a symlink that lies in one of
 * `roots`, where a guest may have made it, leads out of there. What is missing at the end is not a fault.
 *
 * @param path Absolute.
 * @param roots Real paths of the directories that a guest can write to.
 * @returns The root in which the path ends, if it ends in one.
 * @throws {NixboxError} that names the link and where it leads.
 */
export async function requireNoSymlinkEscape(
  path: string,
  roots: readonly string[],
): Promise<string | undefined> {
  const suspects: { readonly link: string; readonly root: string }[] = [];
  const { path: at } = await followPath(path, (part) => {
    // What this user may not enter it cannot be led through either.
    if (part.kind === "hidden" && !(part.error instanceof Deno.errors.PermissionDenied)) {
      throw part.error;
    }
    if (part.kind !== "link") return;
    const link = part.path;
    const root = roots.find((candidate) => isWithin(link, candidate) && link !== candidate);
    if (root !== undefined) suspects.push({ link, root });
  });
  const [suspect] = suspects;
  if (suspect !== undefined && !isWithin(at, suspect.root)) {
    throw new NixboxError(`${suspect.link} is a symlink that leads to ${at}`, {
      hint: `a machine can write to ${suspect.root} and may have made it; name ${at} itself if ` +
        "that is what you mean",
    });
  }
  return roots.find((root) => isWithin(at, root));
}

/**
 * The real path of what {@linkcode requireNoSymlinkEscape} has let pass.
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
