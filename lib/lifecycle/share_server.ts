import { type DetachedProcess, spawnDetached } from "../host/detached.ts";
import { NixboxError } from "../host/error.ts";
import type { Host } from "../host/host.ts";
import { ensurePrivateDirectory, exists } from "../host/files.ts";
import { guestGid, guestUid, type Isolation, virtiofsdArgv } from "../share/virtiofsd.ts";
import { masksFor } from "../share/masks.ts";
import type { ShareRecord } from "../state/record.ts";
import { statePaths } from "../state/store.ts";
import { deathOf, waitForSocket } from "./boot.ts";

/** What else the command of a share's server follows from. */
export interface ServerFacts {
  readonly isolation: Isolation;
  readonly tools: { readonly virtiofsd: string };
  /** What raises the limit of open files; virtiofsd keeps one open for each that the guest knows. */
  readonly raiseOpenFiles: readonly string[];
}

/** The virtiofsd of one share, as it is started. */
export function shareArgv(
  host: Pick<Host, "user" | "privilege">,
  share: ShareRecord,
  { isolation, tools, raiseOpenFiles }: ServerFacts,
): readonly string[] {
  const argv = [
    ...raiseOpenFiles,
    ...virtiofsdArgv(
      tools.virtiofsd,
      { ...share, root: rootOf(share) },
      { guestUid, guestGid, hostUid: host.user.uid, hostGid: host.user.gid },
      isolation,
    ),
  ];
  return isolation === "user-namespace" ? argv : host.privilege.asRoot(argv);
}

/** Where a share's server sees what it serves. */
export function rootOf(share: Pick<ShareRecord, "socket">): string {
  return `${share.socket}.root`;
}

/** @throws {NixboxError} if the directory holds what the host runs, and must not be shared. */
export function requireMasks(
  source: string,
  privateDirectories: readonly string[],
): readonly string[] {
  const masks = masksFor(source, privateDirectories);
  if (masks !== undefined) return masks;
  throw new NixboxError(`${source} must not be shared: it holds keys and what the host runs`, {
    where: "mounts",
    hint: "share the project's directory, in which the guest sees .nixbox empty, or another one",
  });
}

/** Starts a share's server; it listens once `isReady` resolves, and its death aborts that. */
export async function startServer(
  host: Host,
  id: string,
  share: ShareRecord,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<{ process: DetachedProcess; isReady: () => Promise<void> }> {
  const logFile = serverLog(host, id, share);
  for (const mask of share.masks) {
    // A directory that comes to be later could not be covered any more.
    if (!await exists(mask)) await Deno.mkdir(mask, { recursive: true, mode: 0o700 });
  }
  await ensurePrivateDirectory(rootOf(share), host.user.uid);
  const process = await spawnDetached(host, argv, { logFile, cwd: "/", owner: id });
  const death = deathOf(`virtiofsd for ${share.source}`, process, [logFile]);
  return {
    process,
    isReady: () => waitForSocket(share.socket, AbortSignal.any([signal, death])),
  };
}

export function serverLog(host: Host, id: string, share: Pick<ShareRecord, "id">): string {
  return `${statePaths(host, id).logs}/virtiofsd-${share.id}.log`;
}
