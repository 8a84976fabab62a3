import { isWithin, parentOf } from "../base/paths.ts";
import {
  type InnerTools,
  type Isolation,
  plainDevices,
  privateRootArgv,
  programDirectories,
} from "../host/confinement/private_root.ts";
import { besideShare, coverArguments, type CoveredShare, coverScript } from "./covers.ts";

/** What one virtiofsd serves. Paths are real and absolute. */
export interface VirtiofsdShare extends CoveredShare {
  readonly readonly: boolean;
  /** The guest lays its own changes over it: overlayfs looks into no mount below its lower one. */
  readonly overlay?: boolean;
  /** An empty directory of the caller's, where the source is seen while it is served. */
  readonly root: string;
}

/** Who the guest's user is on both sides. */
export interface IdMapping {
  readonly guestUid: number;
  readonly guestGid: number;
  readonly hostUid: number;
  readonly hostGid: number;
}

/** The guest's user is the same everywhere: uid 1000, gid 100 (NixOS's `users`). */
export const guestUid = 1000;
export const guestGid = 100;

/** What a server of shares runs with. */
export interface ServerTools extends InnerTools {
  readonly virtiofsd: string;
  /** What belongs to the filter's program, where that is nixbox: it must be seen. */
  readonly ofFilter: readonly string[];
}

/**
 * The command that serves one share (virtiofsd 1.13's options).
 *
 * In a user namespace with only the caller mapped (to root), virtiofsd can confine itself by chroot
 * and can become nobody else. Whoever the guest's user is, what it makes is the caller's, and what is
 * the caller's is the guest's user's. Where users may make none, root makes a file system for it in
 * which there are the share and its socket, and nothing else of the user's.
 *
 * @param filter What the command is put behind so that no set-user-id file comes to be; the filter
 * holds for all that it starts.
 */
export function virtiofsdArgv(
  tools: ServerTools,
  share: VirtiofsdShare,
  ids: IdMapping,
  isolation: Isolation,
  filter: readonly string[],
): readonly string[] {
  const cover = ["sh", "-c", `${coverScript}exec "$@"`, "sh", ...coverArguments(share, share.root)];
  const serve = [tools.virtiofsd, `--socket-path=${share.socket}`, `--shared-dir=${share.root}`];
  const options = ["--log-level=warn", ...(share.readonly ? ["--readonly"] : [])];
  if (share.overlay) options.push("--no-announce-submounts");
  if (isolation === "user-namespace") {
    return [
      ...filter,
      ...["unshare", "--user", "--map-root-user", "--mount", "--propagation=private"],
      ...cover,
      ...serve,
      "--sandbox=chroot",
      ...translation(ids, 0, 0),
      ...options,
    ];
  }
  const server = [
    ...filter,
    ...serve,
    "--sandbox=none",
    ...(ids.hostUid === 0 ? ["--modcaps=-fsetid:-mknod:-setfcap"] : []),
    ...translation(ids, ids.hostUid, ids.hostGid),
    ...options,
  ];
  const root = {
    place: `${besideShare(share)}.apart`,
    readonly: [
      ...programDirectories,
      ...tools.ofFilter.filter((path) => !programDirectories.some((one) => isWithin(path, one))),
      filterFile(share),
    ],
    writable: [...plainDevices, parentOf(share.socket), share.root],
    cwd: "/",
    // It sets its own, and would have to be given them. Root that may keep the set-user-id bit of what
    // it writes to could give a program that is there another content.
    kept: ids.hostUid === 0
      ? ["chown", "dac_override", "fowner", "setgid", "setuid", "setpcap"]
      : [],
  };
  const user = { uid: ids.hostUid, gid: ids.hostGid };
  return [
    ...["unshare", "--mount", "--propagation=private"],
    ...cover,
    ...privateRootArgv(root, isolation, user, [], tools, server),
  ];
}

/** Where the filter of system calls for a share's server is. */
export function filterFile(share: Pick<CoveredShare, "socket">): string {
  return `${parentOf(besideShare(share))}/calls.bpf`;
}

/** All ids of the guest are the caller on this host; the caller is the guest's user there. */
function translation(ids: IdMapping, uid: number, gid: number): string[] {
  return [
    `--translate-uid=squash-guest:0:${uid}:${allIds}`,
    `--translate-uid=host:${uid}:${ids.guestUid}:1`,
    `--translate-gid=squash-guest:0:${gid}:${allIds}`,
    `--translate-gid=host:${gid}:${ids.guestGid}:1`,
  ];
}

/** 2^32 - 1: the last id means "leave it" to chown(2). */
const allIds = 4_294_967_295;
