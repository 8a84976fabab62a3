import { messageOf, NixboxError } from "../../base/error.ts";
import { lstatIfExists } from "./files.ts";
import { parentOf } from "../../base/paths.ts";
import { distrustOf } from "./path_trust.ts";
import { privateGroups } from "./private_group.ts";

/**
 * Checks a directory that only this user may enter before anything in it is used: it is a directory
 * (a symlink is not), belongs to `uid`, has mode 0700, and nobody but root and the user can put
 * another in its place, by any directory on the way to it.
 *
 * @returns Whether there is one.
 * @throws {NixboxError} that names what is wrong and the way out.
 */
export async function checkPrivateDirectory(path: string, uid: number): Promise<boolean> {
  let found: Deno.FileInfo | undefined;
  try {
    found = await lstatIfExists(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotADirectory) return false;
    throw notOurs(path, whyReplaceable(path, uid) ?? messageOf(error));
  }
  if (found === undefined) return false;
  const fault = found.isSymlink
    ? "it is a symlink"
    : !found.isDirectory
    ? "it is not a directory"
    : found.uid !== uid
    ? `it belongs to user ${found.uid}`
    : ((found.mode ?? 0o777) & 0o077) !== 0
    ? "others may enter it"
    : whyReplaceable(path, uid);
  if (fault !== undefined) throw notOurs(path, fault);
  return true;
}

/** Why somebody else could put another directory in the place of this one. */
export function whyReplaceable(path: string, uid: number): string | undefined {
  return distrustOf(parentOf(path), {
    owners: [0, uid],
    groups: privateGroups(uid),
    sticky: "any",
    guests: [],
    guestActsAs: uid,
    mayBeProject: true,
  });
}

/** As {@linkcode checkPrivateDirectory}, as an answer. */
export async function isPrivateDirectory(path: string, uid: number): Promise<boolean> {
  try {
    return await checkPrivateDirectory(path, uid);
  } catch (error) {
    if (error instanceof NixboxError) return false;
    throw error;
  }
}

function notOurs(path: string, fault: string): NixboxError {
  return new NixboxError(`${path} is not a private directory of yours: ${fault}`, {
    where: path,
    hint: "nixbox uses nothing in it; have it removed " +
      `(\`sudo rm -r ${path}\`) and call nixbox again`,
  });
}
