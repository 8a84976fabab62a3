/** What one virtiofsd serves. Paths are real and absolute. */
export interface VirtiofsdShare {
  readonly source: string;
  readonly readonly: boolean;
  readonly socket: string;
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

// A fixed script: what varies comes as arguments. In a mount namespace that nothing else sees, each
// path up to the first "--" becomes a mount point of its own, so that it cannot be renamed, and each
// up to the second is covered by an empty, read-only directory.
const coverThenRun =
  'while [ "$1" != -- ]; do mount --rbind -- "$1" "$1" || exit 1; shift; done; ' +
  'shift; while [ "$1" != -- ]; do ' +
  'mount -t tmpfs -o ro,size=4k,mode=555 none "$1" || exit 1; shift; done; shift; exec "$@"';

/** The command that runs what comes after it where `masks` are covered in `source`. */
export function covering(source: string, masks: readonly string[]): readonly string[] {
  return ["sh", "-c", coverThenRun, "sh", ...pinsFor(source, masks), "--", ...masks, "--"];
}

/**
 * The directories between a share's top and what is masked in it, upper ones first. A guest that
 * could rename one of them could put another, with a `.nixbox` of its own, in its place.
 */
export function pinsFor(source: string, masks: readonly string[]): readonly string[] {
  const pins = new Set<string>();
  for (const mask of masks) {
    const names = mask.slice(source === "/" ? 1 : source.length + 1).split("/");
    for (let count = 1; count < names.length; count++) {
      pins.add(`${source === "/" ? "" : source}/${names.slice(0, count).join("/")}`);
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
  const cover = covering(share.source, share.masks);
  const serve = [virtiofsd, `--socket-path=${share.socket}`, `--shared-dir=${share.source}`];
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
