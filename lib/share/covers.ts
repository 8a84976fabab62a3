import { isWithin, joinPath, nameOf, parentOf, pathBelow } from "../base/paths.ts";

/** What of a share the guest may see and not change. Paths are real, absolute and in the share. */
export interface Protection {
  /** Files and directories that it sees and cannot change, rename or remove. */
  readonly sealed: readonly string[];
  /** What lies in a sealed directory and may be changed all the same. */
  readonly open: readonly string[];
  /** Those of `sealed` that nixbox makes, since what is not there cannot be held: it removes them. */
  readonly placeholders: readonly string[];
  /** What is looked for, wherever it lies in the share: names of the config. */
  readonly names: readonly string[];
}

/** Nothing is protected. */
export const noProtection: Protection = { sealed: [], open: [], placeholders: [], names: [] };

/** What a share shows of its source, and how. Paths are real and absolute. */
export interface CoveredShare {
  readonly source: string;
  /** "DEVICE:INODE" of the source: what was looked at is what is served. */
  readonly identity: string;
  /**
   * Directories inside `source` of which the guest sees nothing. Where there is a directory at
   * {@linkcode copiesOf}, it sees a copy of that, which is its own to change.
   */
  readonly masks: readonly string[];
  readonly protection?: Protection | undefined;
  /** Names below the source: of all that is there the guest sees only these, read-only. */
  readonly only?: readonly string[] | undefined;
  /** Of the share's server; {@linkcode besideShare} lies what is shown in the masks' places. */
  readonly socket: string;
}

/**
 * What the paths of all that belongs to a share begin with, but for its socket: that may lie in a
 * directory that the hypervisor sees.
 */
export function besideShare({ socket }: Pick<CoveredShare, "socket">): string {
  const directory = parentOf(socket);
  return nameOf(directory) === socketsName ? joinPath(parentOf(directory), nameOf(socket)) : socket;
}

/** The name of the directory whose sockets the hypervisor sees. */
export const socketsName = "vmm";

/** The directory whose content is shown in a mask's place, if it is there. */
export function copiesOf(share: Pick<CoveredShare, "socket">, index: number): string {
  return `${besideShare(share)}.copies/${index}`;
}

// A copy lives in this host's memory: so much of it at most, and so many files.
const copySize = "size=8m,nr_inodes=4k,mode=755,nosuid,nodev";

// A fixed script: what varies comes as arguments. In a mount namespace that nothing else sees, the
// source is bound to a place of the host's own, where no guest can replace it, and must be the
// directory that it was. There, up to a "--" each:
//  - pairs: how (ro; rw, in a directory that is ro; rbind, as it is), and a path that becomes its own
//    mount point, so that it cannot be renamed or removed;
//  - pairs: a directory that is covered, and what is shown in its place: a copy of it that is
//    the guest's own, or, if it is not there, nothing, read-only.
//  - names, if any: of the whole, only these are shown, links followed: what they name is the user's.
// What is not there could not be made by this user either, and is left out, but for what is covered.
// No path may be a symlink: mount(8) would follow it. GNU and busybox stat tell device and inode alike.
export const coverScript = "source=$1 identity=$2 at=$3; shift 3; " +
  'real() { [ ! -L "$1" ] || { echo "$1 is a symlink" >&2; exit 1; }; }; ' +
  'mount --rbind -- "$source" "$at" || exit 1; ' +
  '[ "$(stat -c %d:%i -- "$at")" = "$identity" ] || ' +
  '{ echo "$source is not the directory that it was" >&2; exit 1; }; ' +
  'while [ "$1" != -- ]; do real "$at/$2"; [ ! -e "$at/$2" ] || ' +
  '{ mount --rbind -o "$1" -- "$at/$2" "$at/$2" && ' +
  '{ [ "$1" != rw ] || mount -o remount,bind,rw -- "$at/$2"; }; } || exit 1; shift 2; done; shift; ' +
  'while [ "$1" != -- ]; do real "$at/$1"; if [ -d "$2" ]; then ' +
  `mount -t tmpfs -o ${copySize} none "$at/$1" && cp -a -- "$2/." "$at/$1/" || exit 1; else ` +
  'mount -t tmpfs -o ro,size=4k,mode=555 none "$at/$1" || exit 1; fi; shift 2; done; shift; ' +
  'if [ "$1" != -- ]; then top=$at.only; mkdir -p "$top"; ' +
  'mount -t tmpfs -o size=1m,nr_inodes=4k,mode=755,nosuid,nodev none "$top" || exit 1; ' +
  'while [ "$1" != -- ]; do if [ -d "$at/$1" ]; then mkdir -p "$top/$1"; ' +
  'elif [ -f "$at/$1" ]; then mkdir -p "$top/${1%/*}"; rmdir "$top/$1" 2>/dev/null || :; : >"$top/$1"; ' +
  'else shift; continue; fi; mount --rbind -- "$at/$1" "$top/$1" || exit 1; shift; done; ' +
  'mount -o remount,bind,ro "$top" && mount --rbind "$top" "$at" || exit 1; fi; shift; ';

/** The arguments that {@linkcode coverScript} takes. */
export function coverArguments(share: CoveredShare, at: string): readonly string[] {
  const { source, identity, masks } = share;
  const { sealed, open } = share.protection ?? noProtection;
  const relative = (path: string) => pathBelow(path, source);
  const pins = [...pinsFor(source, [...masks, ...sealed, ...open]), ...sealed, ...open];
  const wayOf = (path: string) =>
    isProtected(share, path) ? "ro" : open.some((one) => isWithin(path, one)) ? "rw" : "rbind";
  return [
    ...[source, identity, at],
    ...[...new Set(pins)].toSorted(byDepth).flatMap((path) => [wayOf(path), relative(path)]),
    ...["--", ...masks.flatMap((mask, index) => [relative(mask), copiesOf(share, index)])],
    ...["--", ...share.only ?? [], "--"],
  ];
}

/**
 * The directories between a share's top and what is covered in it, upper ones first. A guest that
 * could rename one of them could put another, with its own `.nixbox`, in its place.
 */
export function pinsFor(source: string, covered: readonly string[]): readonly string[] {
  const pins = new Set<string>();
  for (const path of covered) {
    const names = pathBelow(path, source).split("/");
    for (let count = 1; count < names.length; count++) {
      pins.add(joinPath(source, names.slice(0, count).join("/")));
    }
  }
  return [...pins].toSorted(byDepth);
}

/** Whether a path is kept from the guest's hands: of what is sealed or open, the nearest decides. */
export function isProtected(share: Pick<CoveredShare, "protection">, path: string): boolean {
  const { sealed, open } = share.protection ?? noProtection;
  const nearest = (paths: readonly string[]) =>
    Math.max(-1, ...paths.filter((one) => isWithin(path, one)).map((one) => one.length));
  return nearest(sealed) > nearest(open);
}

function byDepth(a: string, b: string): number {
  return a.split("/").length - b.split("/").length;
}
