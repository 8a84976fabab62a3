import type { UserFacts } from "../host.ts";

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

// A fixed script. Arguments: the place, then "ro PATH", "file PATH" and "rw PATH" up to "--", then the
// command that goes in. What is not there is left out. A symlink among directories is made again as it is: what
// it leads to must be shown, too. In a user namespace the kernel shows a directory with all that is mounted below or not at
// all, and each of those mounts is made read-only (mountinfo writes a space as \040).
const makeRoot = "set -e; place=$1; shift; " +
  'mount -t tmpfs -o mode=755,size=1m,nosuid,nodev none "$place"; ' +
  'mkdir "$place/tmp" "$place/proc" "$place/dev" "$place/etc"; ' +
  'mount -t tmpfs -o mode=1777,size=64m,nosuid,nodev,noexec none "$place/tmp"; ' +
  'while [ "$1" != -- ]; do how=$1 path=$2 at=$place$2; shift 2; ' +
  'if [ "$how" = ro ] && [ -L "$path" ]; then mkdir -p "${at%/*}"; ln -s "$(readlink "$path")" "$at"; continue; ' +
  'elif [ -d "$path" ]; then [ "$how" != file ] || continue; mkdir -p "$at"; ' +
  'elif [ -e "$path" ]; then mkdir -p "${at%/*}"; : >"$at"; else continue; fi; ' +
  'mount --rbind -- "$path" "$at"; [ "$how" != rw ] || continue; mount -o remount,bind,ro "$at"; ' +
  '[ ! -d "$at" ] || while read -r _ _ _ _ below _; do case $below in "$at"/*) ' +
  'mount -o remount,bind,ro "$(printf %b "$below")";; esac; done </proc/self/mountinfo; ' +
  "done; shift; " +
  // Of its own processes; where a container hides parts of /proc, there is none.
  'mount -t proc -o nosuid,nodev,noexec none "$place/proc" 2>/dev/null || :; ' +
  'mount -o remount,bind,ro "$place"; exec "$@"';

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
  const become = byUser || user.uid === 0 ? [] : [
    ...[`--reuid=${user.uid}`, `--regid=${user.gid}`],
    groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`,
  ];
  const shown = [
    ...root.readonly.flatMap((path) => ["ro", path]),
    ...(root.files ?? []).flatMap((path) => ["file", path]),
    ...root.writable.flatMap((path) => ["rw", path]),
  ];
  return [
    ...["unshare", "--fork", "--pid", "--mount", "--propagation=private"],
    ...[...(byUser ? ["--user", "--map-root-user"] : []), "--"],
    ...["sh", "-c", makeRoot, "sh", root.place],
    ...[...shown, "--"],
    ...["chroot", root.place, setpriv, ...become],
    `--bounding-set=${["-all", ...(root.kept ?? []).map((name) => `+${name}`)].join(",")}`,
    ...["--inh-caps=-all", "--no-new-privs", "--"],
    ...[bash, "-c", 'cd "$0" && exec "$@"', root.cwd, ...argv],
  ];
}
