import { joinPath, pathBelow } from "../host/paths.ts";

/** What one virtiofsd serves. Paths are real and absolute. */
export interface VirtiofsdShare {
  readonly source: string;
  readonly readonly: boolean;
  readonly socket: string;
  /** "DEVICE:INODE" of the source: what was looked at is what is served. */
  readonly identity: string;
  /** An empty directory of the caller's, where the source is seen while it is served. */
  readonly root: string;
  /** Directories inside `source` that the guest must see as empty and cannot write to. */
  readonly masks: readonly string[];
}

/** Who the guest's user is on both sides. */
export interface IdMapping {
  readonly guestUid: number;
  readonly guestGid: number;
  readonly hostUid: number;
  readonly hostGid: number;
}

/**
 * How virtiofsd is kept apart from the host: in user and mount namespaces of its own, or, where the
 * kernel forbids those to users, in a mount namespace that root makes before it becomes the user.
 */
export type Isolation = "user-namespace" | "root-mount-namespace";

/** The guest's user is the same everywhere: uid 1000, gid 100 (NixOS's `users`). */
export const guestUid = 1000;
export const guestGid = 100;

// A fixed script: what varies comes as arguments. In a mount namespace that nothing else sees, the
// source is bound to a place of the host's own, where no guest can put another in its stead, and must
// be the directory that it was. There, each path up to the first "--" becomes a mount point of its
// own, so that it cannot be renamed, and each up to the second is covered by an empty, read-only
// directory. GNU and busybox stat tell device and inode alike.
export const pinScript = "source=$1 identity=$2 at=$3; shift 3; " +
  'mount --rbind -- "$source" "$at" || exit 1; ' +
  '[ "$(stat -c %d:%i -- "$at")" = "$identity" ] || ' +
  '{ echo "$source is not the directory that it was" >&2; exit 1; }; ' +
  'while [ "$1" != -- ]; do mount --rbind -- "$at/$1" "$at/$1" || exit 1; shift; done; shift; ' +
  'while [ "$1" != -- ]; do ' +
  'mount -t tmpfs -o ro,size=4k,mode=555 none "$at/$1" || exit 1; shift; done; shift; ';

/** The arguments that {@linkcode pinScript} takes. */
export function pinArguments(
  share: Pick<VirtiofsdShare, "source" | "identity" | "masks">,
  at: string,
): readonly string[] {
  const { source, identity, masks } = share;
  const relative = (path: string) => pathBelow(path, source);
  return [
    ...[source, identity, at],
    ...pinsFor(source, masks).map(relative),
    ...["--", ...masks.map(relative), "--"],
  ];
}

/**
 * The directories between a share's top and what is masked in it, upper ones first. A guest that
 * could rename one of them could put another, with a `.nixbox` of its own, in its place.
 */
export function pinsFor(source: string, masks: readonly string[]): readonly string[] {
  const pins = new Set<string>();
  for (const mask of masks) {
    const names = pathBelow(mask, source).split("/");
    for (let count = 1; count < names.length; count++) {
      pins.add(joinPath(source, names.slice(0, count).join("/")));
    }
  }
  return [...pins].toSorted((a, b) => a.split("/").length - b.split("/").length);
}

/**
 * The command that serves one share (virtiofsd 1.13's options).
 *
 * In a user namespace with only the caller mapped (to root), virtiofsd can confine itself by chroot
 * and can become nobody else; the guest's user is translated to that one id, and other ids of the
 * guest have no counterpart on the host.
 */
export function virtiofsdArgv(
  virtiofsd: string,
  share: VirtiofsdShare,
  ids: IdMapping,
  isolation: Isolation,
): readonly string[] {
  const cover = ["sh", "-c", `${pinScript}exec "$@"`, "sh", ...pinArguments(share, share.root)];
  const serve = [virtiofsd, `--socket-path=${share.socket}`, `--shared-dir=${share.root}`];
  const options = ["--log-level=warn", ...(share.readonly ? ["--readonly"] : [])];
  if (isolation === "user-namespace") {
    return [
      ...["unshare", "--user", "--map-root-user", "--mount", "--propagation=private"],
      ...cover,
      ...serve,
      "--sandbox=chroot",
      ...translation(ids, 0, 0),
      ...options,
    ];
  }
  return [
    ...["unshare", "--mount", "--propagation=private"],
    ...cover,
    ...["setpriv", `--reuid=${ids.hostUid}`, `--regid=${ids.hostGid}`, "--clear-groups", "--"],
    ...serve,
    "--sandbox=none",
    ...translation(ids, ids.hostUid, ids.hostGid),
    ...options,
  ];
}

function translation(ids: IdMapping, uid: number, gid: number): string[] {
  return [
    `--translate-uid=map:${ids.guestUid}:${uid}:1`,
    `--translate-gid=map:${ids.guestGid}:${gid}:1`,
  ];
}
