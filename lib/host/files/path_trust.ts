import { isWithin, joinPath, parentOf } from "../../base/paths.ts";

/** Whose a path must be, all the way from the root directory to what it ends in. */
export interface PathRule {
  /** User ids that may own what lies on the way. */
  readonly owners: readonly number[];
  /** Groups whose members may write to it: a user's own, or one of administrators. */
  readonly groups: readonly number[];
  /**
   * Directories that anybody may write to and where none can replace another's (sticky, as /tmp):
   * `any`, or the only ones that pass. What lies in them must have one of `owners` itself.
   */
  readonly sticky: "any" | readonly string[];
  /** Real paths of directories that a guest can write to. */
  readonly guests: readonly string[];
  /** The user with whose rights a guest writes: what only another, or root, may change is safe. */
  readonly guestActsAs: number;
  /** A directory that holds `.nixbox` passes, though a guest may write beside that. */
  readonly mayBeProject?: boolean;
}

/** As many symlinks as Linux follows on one path (path_resolution(7)). */
const mostLinks = 40;

/** The name of a project's own directory: what lies beside it a guest may have written. */
const projectMark = ".nixbox";

/**
 * Follows a path as the kernel does, link by link, and tells what on the way is not what `rule`
 * says: who can change that can put something else in the path's place.
 *
 * @param path Absolute.
 * @returns One phrase, such as "/opt may be written by others"; `undefined` if all is well.
 */
export function distrustOf(path: string, rule: PathRule): string | undefined {
  let at = "/";
  let links = 0;
  const parts = ["", ...path.split("/")];
  for (let part = parts.shift(); part !== undefined; part = parts.shift()) {
    if (part === ".") continue;
    if (part === "..") {
      at = parentOf(at);
      continue;
    }
    const next = part === "" ? at : joinPath(at, part);
    const found = look(next);
    if (typeof found === "string") return found;
    const reason = faultOf(next, found, rule);
    if (reason !== undefined) return reason;
    if (!found.isSymlink) {
      at = next;
      continue;
    }
    if (++links > mostLinks) return `${path} leads through more than ${mostLinks} symlinks`;
    const target = Deno.readLinkSync(next);
    if (target.startsWith("/")) at = "/";
    parts.unshift(...target.split("/").filter((name) => name !== ""));
  }
  return undefined;
}

function look(path: string): Deno.FileInfo | string {
  try {
    return Deno.lstatSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return `${path} does not exist`;
    }
    return `${path} cannot be looked at`;
  }
}

function faultOf(path: string, found: Deno.FileInfo, rule: PathRule): string | undefined {
  const isRootsAlone = found.uid === 0 && rule.guestActsAs !== 0;
  const guest = rule.guests.find((directory) => isWithin(path, directory));
  if (guest !== undefined && !isRootsAlone) return `a guest can write to ${guest}`;
  if (!rule.owners.includes(found.uid ?? -1)) return `${path} belongs to user ${found.uid}`;
  // The mode of a symlink means nothing: who can replace it is told by its directory.
  if (found.isSymlink) return undefined;
  const mode = found.mode ?? 0o777;
  const isSticky = found.isDirectory && (mode & 0o1000) !== 0 &&
    (rule.sticky === "any" || rule.sticky.includes(path));
  if (!isSticky) {
    if ((mode & 0o002) !== 0) return `${path} may be written by everybody`;
    if ((mode & 0o020) !== 0 && !rule.groups.includes(found.gid ?? -1)) {
      return `${path} may be written by its group`;
    }
  }
  if (rule.mayBeProject === true || isRootsAlone || path === "/") return undefined;
  if (found.isDirectory && isProject(path)) {
    return `${path} is a nixbox project, which its guest can write to`;
  }
  return undefined;
}

function isProject(directory: string): boolean {
  try {
    return Deno.lstatSync(joinPath(directory, projectMark)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    return !(error instanceof Deno.errors.PermissionDenied);
  }
}
