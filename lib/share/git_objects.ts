import type { GitObjectFormat } from "../git/index_file.ts";
import { coverArguments, type CoveredShare, coverScript } from "./covers.ts";
import { confinedDirectory, type ConfinedProgram } from "./sftp.ts";

// A fixed script, as that of sftp.ts, for git and a repository's objects: around them it makes a
// repository with its own config, since git runs what a repository's config names.
const readObject = "set -e; chroot=$1 root=$2 format=$3 object=$4 git=$5; shift 5; " +
  'mount -t tmpfs -o mode=755,nosuid,nodev none "$root"; mkdir "$root/share"; ' + coverScript +
  'for file in "$git" "$@"; do mkdir -p "$root${file%/*}"; cp -- "$file" "$root$file"; done; ' +
  'mkdir -p "$root/git/refs" "$root/dev"; echo "ref: refs/heads/none" >"$root/git/HEAD"; ' +
  'printf "[core]\\n\\trepositoryFormatVersion = 1\\n[extensions]\\n\\tobjectFormat = %s\\n" ' +
  '"$format" >"$root/git/config"; ' +
  ': >"$root/dev/null"; mount --bind /dev/null "$root/dev/null"; mount -o remount,bind,ro "$root"; ' +
  `exec env -i GIT_DIR=/git GIT_OBJECT_DIRECTORY=${confinedDirectory} GIT_CONFIG_NOSYSTEM=1 ` +
  'HOME=/ "$chroot" "$root" "$git" cat-file blob "$object"';

/**
 * The command that prints a blob of a repository that a guest may have written: git sees nothing but
 * itself and the objects, and can write nowhere that stays.
 *
 * @param objects Real path of the repository's `objects`, and "DEVICE:INODE" of it.
 * @param root An empty directory of the caller's.
 */
export function readBlobArgv(
  git: ConfinedProgram,
  objects: Pick<CoveredShare, "source" | "identity">,
  root: string,
  format: GitObjectFormat,
  objectId: string,
): readonly string[] {
  const share = { ...objects, masks: [], socket: root };
  return [
    ...["unshare", "--user", "--map-root-user", "--mount", "--propagation=private"],
    ...["sh", "-c", readObject, "sh", git.chroot, root, format, objectId, git.path],
    ...coverArguments(share, `${root}${confinedDirectory}`),
    ...git.libraries,
  ];
}
