import type { DetachedProcess } from "../../host/process/detached.ts";
import { NixboxError } from "../../base/error.ts";
import type { Host } from "../../host/host.ts";
import { ensurePrivateDirectory, exists, writeBytesAtomically } from "../../host/files/files.ts";
import { recordedArgv, spawnInRoot, spawnPlaced } from "../../host/root/placed.ts";
import type { Isolation } from "../../host/confinement/private_root.ts";
import {
  filterFile,
  guestGid,
  guestUid,
  type ServerTools,
  virtiofsdArgv,
} from "../../share/virtiofsd.ts";
import { besideShare, noProtection } from "../../share/covers.ts";
import { modeFilter } from "../../share/seccomp.ts";
import { masksFor } from "../../share/masks.ts";
import type { ShareRecord } from "../../state/record.ts";
import { statePaths } from "../../state/store.ts";
import { deathOf, waitForSocket } from "../machine/waiting.ts";
import { noteObeyed } from "../protection/obeyed_changes.ts";
import { makePlaceholders } from "../protection/placeholders.ts";
import { stageTrackedCopies } from "../protection/tracked_copies.ts";

/** What else the command of a share's server follows from. */
export interface ServerFacts {
  readonly isolation: Isolation;
  readonly tools: ServerTools;
  /** How many files virtiofsd may have open at most. */
  readonly openFilesLimit: number;
  /** What raises the limit of open files; virtiofsd keeps one open for each that the guest knows. */
  readonly raiseOpenFiles: readonly string[];
  /** What a command is put behind for a filter of system calls, as `Host.callFilter` gives it. */
  readonly callFilter: readonly string[];
}

/** How a share's server is started. */
export interface ServerPlan {
  /** Id of the share. */
  readonly id: string;
  /** The command; root's, where users may make no namespaces. */
  readonly argv: readonly string[];
  /** Whether root starts it. */
  readonly byRoot: boolean;
}

/** The virtiofsd of one share, as it is started. */
export function serverPlan(
  host: Pick<Host, "user">,
  share: ShareRecord,
  { isolation, tools, raiseOpenFiles, callFilter }: ServerFacts,
): ServerPlan {
  const argv = virtiofsdArgv(
    tools,
    { ...share, root: rootOf(share) },
    { guestUid, guestGid, hostUid: host.user.uid, hostGid: host.user.gid },
    isolation,
    [...callFilter, filterFile(share)],
  );
  const byRoot = isolation === "root-mount-namespace";
  return { id: share.id, argv: [...raiseOpenFiles, ...argv], byRoot };
}

/** Where a share's server sees what it serves. */
export function rootOf(share: Pick<ShareRecord, "socket">): string {
  return `${besideShare(share)}.root`;
}

/**
 * Puts in place what a share's server needs: its filter, what the guest is shown where something is
 * hidden, and what holds the places of files that it must not make.
 *
 * @returns One sentence for each thing that is not as one would expect.
 */
export async function prepareShare(
  host: Host,
  id: string,
  share: ShareRecord,
): Promise<readonly string[]> {
  await writeBytesAtomically(filterFile(share), modeFilter(host.nixSystem));
  for (const mask of share.masks) {
    // A directory that comes to be later could not be covered any more.
    if (!await exists(mask)) await Deno.mkdir(mask, { recursive: true, mode: 0o700 });
  }
  await makePlaceholders(share.protection ?? noProtection);
  await noteObeyed(host, id, share);
  return await stageTrackedCopies(host, share);
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
  { argv, byRoot }: ServerPlan,
  signal: AbortSignal,
): Promise<{ process: DetachedProcess; isReady: () => Promise<void> }> {
  const logFile = serverLog(host, id, share);
  await ensurePrivateDirectory(rootOf(share), host.user.uid);
  const options = { logFile, cwd: "/", owner: id };
  await ensurePrivateDirectory(`${besideShare(share)}.apart`, host.user.uid);
  const placed = { ...options, pidFile: `${besideShare(share)}.server` };
  const process = byRoot
    ? await spawnPlaced(host, recordedArgv(placed, argv), placed)
    : await spawnInRoot(host, argv, options);
  const death = deathOf(`virtiofsd for ${share.source}`, process, [logFile]);
  return {
    process,
    isReady: () => waitForSocket(share.socket, AbortSignal.any([signal, death])),
  };
}

export function serverLog(host: Host, id: string, share: Pick<ShareRecord, "id">): string {
  return `${statePaths(host, id).logs}/virtiofsd-${share.id}.log`;
}
