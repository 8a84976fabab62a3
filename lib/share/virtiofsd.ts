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
 * In a user namespace with only the caller mapped (to root), virtiofsd can become nobody else. Whoever
 * the guest's user is, what it makes is the caller's, and what is the caller's is the guest's user's.
 * Whoever makes its namespaces, it has a file system in which there are the share and its socket, and
 * nothing else of the user's. virtiofsd's own chroot is not enough: it comes after the file with the
 * process id, whose place the hypervisor can make a link, and a descriptor of /proc leads out of it.
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
  const byUser = isolation === "user-namespace";
  // In a namespace of the user's the caller is root.
  const user = byUser ? { uid: 0, gid: 0 } : { uid: ids.hostUid, gid: ids.hostGid };
  const isRoot = user.uid === 0;
  const server = [
    ...filter,
    ...[tools.virtiofsd, `--socket-path=${share.socket}`, `--shared-dir=${share.root}`],
    "--sandbox=none",
    ...(isRoot ? ["--modcaps=-fsetid:-mknod:-setfcap"] : []),
    ...translation(ids, user.uid, user.gid),
    "--log-level=warn",
    ...(share.readonly ? ["--readonly"] : []),
    ...(share.overlay ? ["--no-announce-submounts"] : []),
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
    needsProc: true,
    // It sets its own, and would have to be given them. Root that may keep the set-user-id bit of what
    // it writes to could give a program that is there another content.
    kept: isRoot ? ["chown", "dac_override", "fowner", "setgid", "setuid", "setpcap"] : [],
  };
  const cover = ["sh", "-c", `${coverScript}exec "$@"`, "sh", ...coverArguments(share, share.root)];
  return [
    ...["unshare", ...(byUser ? ["--user", "--map-root-user"] : [])],
    ...["--mount", "--propagation=private"],
    ...cover,
    // Who is root in the first namespaces makes the others, too.
    ...privateRootArgv(root, "root-mount-namespace", user, [], tools, server),
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
