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

// A fixed script: what varies comes as arguments. Each path up to "--" is covered by an empty,
// read-only directory before virtiofsd starts, in a mount namespace that nothing else sees.
const coverThenRun = 'while [ "$1" != -- ]; do ' +
  'mount -t tmpfs -o ro,size=4k,mode=555 none "$1" || exit 1; shift; done; shift; exec "$@"';

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
  const cover = ["sh", "-c", coverThenRun, "sh", ...share.masks, "--"];
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

/**
 * The directories of a share that must be masked: the project's `.nixbox` if it lies in the share.
 * `undefined` if the share itself lies in `.nixbox`, which must not be shared at all.
 */
export function masksFor(source: string, configDirectory: string): readonly string[] | undefined {
  if (isWithin(source, configDirectory)) return undefined;
  return isWithin(configDirectory, source) ? [configDirectory] : [];
}

/** Whether `path` is `directory` or below it; both real paths. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory === "/" ? "/" : `${directory}/`);
}
