import type { UserFacts } from "../host.ts";
import { idOptions } from "../root/privilege.ts";

/**
 * Who makes a program's own mount namespace: the user, in a user namespace, or root, where the kernel
 * forbids those to users (and for root itself).
 */
export type Isolation = "user-namespace" | "root-mount-namespace";

/** What a program sees of the file system, each at its own path, and nothing else. */
export interface PrivateRoot {
  /** An empty directory of the user's, over which the root is made; nobody else sees it there. */
  readonly place: string;
  /** Shown read-only. */
  readonly readonly: readonly string[];
  /** Shown read-only, unless they are directories: what was taken for a path may be a part of one. */
  readonly files?: readonly string[];
  /** Shown as they are, with what is mounted below. */
  readonly writable: readonly string[];
  /** Where the program starts; one of those that are shown. */
  readonly cwd: string;
  /** Whether the program does not run without /proc. */
  readonly needsProc?: boolean;
  /** Capabilities that root keeps, as setpriv(1) names them: none, where nothing is said. */
  readonly kept?: readonly string[];
}

/** Full paths of the programs that run inside of a private root. */
export interface InnerTools {
  /** bash(1), which runs the hypervisor's script. */
  readonly bash: string;
  /** setpriv(1), which takes the capabilities away. */
  readonly setpriv: string;
}

/**
 * Where programs, their libraries and what belongs to them are. All users may read it; nothing of
 * a user's lies there.
 */
export const programDirectories: readonly string[] = [
  ...["/nix/store", "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64"],
  ...["/etc/ld.so.cache", "/etc/alternatives"],
];

/** Devices without a power: what every program may expect. */
export const plainDevices: readonly string[] = [
  ...["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"],
];

// A fixed script. Arguments: the place, whether /proc is "needed", then triples up to "--": "ro", "file" or
// "rw", a path, how fstab writes that; then the command that goes in. What is not there is left out. A
// symlink at the top is made again as it is: what it leads to must be shown, too. In a user namespace
// the kernel shows a directory with all that is mounted below or not at all, and each of those mounts is
// made read-only. One mount(8) for all, since each process counts: `up` waits for them.
const makeRoot = `set -ef
place=$(cd -P "$1" && pwd -P) proc=$2; shift 2
text=$(printf %s "$place" | sed 's/\\\\/\\\\134/g; s/ /\\\\040/g; s/\\t/\\\\011/g')
newline='
'
links= directories= files= mounts= sealed=
mount -t tmpfs -o mode=755,size=1m,nosuid,nodev none "$place"
mkdir "$place/tmp" "$place/proc" "$place/dev" "$place/etc"
mount -t tmpfs -o mode=1777,size=64m,nosuid,nodev,noexec none "$place/tmp"
while [ "$1" != -- ]; do
  how=$1 path=$2 options=rbind
  if [ "$how" = ro ] && [ -L "$path" ] && [ "\${path%/*}" = "" ]; then
    links=$links$path$newline; shift 3; continue
  elif [ -d "$path" ] && [ "$how" != file ]; then directories=$directories$place$path$newline
  elif [ -e "$path" ] && [ ! -d "$path" ]; then
    directories=$directories$place\${path%/*}$newline files=$files$place$path$newline
  else shift 3; continue; fi
  [ "$how" = rw ] || { options=rbind,ro; sealed=$sealed$text$3$newline; }
  mounts="$mounts$3 $text$3 none $options 0 0$newline"
  shift 3
done
shift
IFS=$newline
mkdir -p $directories
for file in $files; do : >"$file"; done
[ -z "$links" ] || cp -P $links "$place/"
printf %s "$mounts" >"$place/etc/fstab"
mount --all --fstab "$place/etc/fstab"
: >"$place/etc/fstab"
while read -r line; do
  # "ID PARENT DEVICE ROOT PLACE ...", each as fstab has it.
  line=\${line#* * * * } line=\${line%% *}
  case $line in "$text"/*) ;; *) continue;; esac
  for top in $sealed; do
    case $line in "$top"/*)
      # printf's octal numbers begin with 0, or a digit that follows would count.
      mount -o remount,bind,ro "$(printf %b "$(printf %s "$line" | sed 's/\\\\/\\\\0/g')")"
    esac
  done
done </proc/self/mountinfo
unset IFS
# Of its own processes; where a container hides parts of /proc, there is none, or the container's.
# Read-only: what sets the kernel belongs to uid 0, and asks for no capability.
if ! mount -t proc -o ro,nosuid,nodev,noexec none "$place/proc" 2>/dev/null &&
  [ "$proc" = needed ]; then
  mount --rbind /proc "$place/proc"
  mount -o remount,bind,ro "$place/proc"
fi
mount -o remount,bind,ro "$place"
exec "$@"
`;

/** A path as fstab(5) has it: blanks, tabs, newlines and backslashes as octal numbers. */
function inFstab(path: string): string {
  return path.replace(
    /[ \t\n\\]/g,
    (character) => `\\${character.charCodeAt(0).toString(8).padStart(3, "0")}`,
  );
}

/**
 * The command that runs `argv` with its own file system and processes (mount_namespaces(7),
 * pid_namespaces(7)), as the user and without capabilities. One process stays in between, which
 * waits: see {@linkcode Host.processes} for its child.
 *
 * @param groups The user's other groups, for a program that root starts.
 */
export function privateRootArgv(
  root: PrivateRoot,
  isolation: Isolation,
  user: Pick<UserFacts, "uid" | "gid">,
  groups: readonly string[],
  { bash, setpriv }: InnerTools,
  argv: readonly string[],
): readonly string[] {
  const byUser = isolation === "user-namespace";
  const become = byUser || user.uid === 0 ? [] : idOptions(user, groups);
  const shown = [
    ...root.readonly.flatMap((path) => ["ro", path, inFstab(path)]),
    ...(root.files ?? []).flatMap((path) => ["file", path, inFstab(path)]),
    ...root.writable.flatMap((path) => ["rw", path, inFstab(path)]),
  ];
  return [
    ...["unshare", "--fork", "--pid", "--mount", "--ipc", "--propagation=private"],
    ...[...(byUser ? ["--user", "--map-root-user"] : []), "--"],
    ...["sh", "-c", makeRoot, "sh", root.place, root.needsProc ? "needed" : "-"],
    ...[...shown, "--"],
    ...["chroot", root.place, setpriv, ...become],
    `--bounding-set=${["-all", ...(root.kept ?? []).map((name) => `+${name}`)].join(",")}`,
    ...["--inh-caps=-all", "--no-new-privs", "--"],
    ...[bash, "-c", 'cd "$0" && exec "$@"', root.cwd, ...argv],
  ];
}
