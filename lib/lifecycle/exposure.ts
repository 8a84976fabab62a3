import { configDirectoryOf } from "../config/find.ts";
import type { Host } from "../host/host.ts";
import type { ShareRecord, VmRecord } from "../state/record.ts";
import {
  covers,
  coversFile,
  type Exposure,
  isAsSeen,
  openExposures,
  readTrust,
  type WatchedFile,
  withExposures,
  writeTrust,
} from "../state/trust.ts";
import { watchedFiles } from "./watched_files.ts";

/** Notes from when on a machine can write where; before its shares are served. */
export async function noteExposure(
  host: Host,
  record: Pick<VmRecord, "id" | "project">,
  shares: readonly ShareRecord[],
): Promise<void> {
  const state = await readTrust(host, record.id, record.project);
  const writable = await Promise.all(
    shares.filter(({ readonly }) => !readonly).map(async ({ source, masks }) => ({
      source,
      masks: await Promise.all(
        masks.map(async (path) => ({ path, identity: await identityOf(path) })),
      ),
    })),
  );
  const exposures = withExposures(state.exposures, writable, Date.now());
  // What the guest will see of it: so that a change can be shown.
  const configDirectory = configDirectoryOf(record.project);
  const files = await watchedFiles(configDirectory, state.roots, host.user.home);
  const exposed = files.filter(({ path, realPath, hash }) =>
    isAsSeen({ path, realPath, hash }, state) &&
    exposures.some((exposure) => covers(exposure, path, () => true))
  );
  await writeTrust(host, record.id, { ...state, exposures }, exposed.map(({ content }) => content));
}

/**
 * Notes that a machine can write no more, once what served its shares has ended. If all is as it was
 * seen, what changes from now on is the user's doing.
 */
export async function endExposure(host: Host, record: VmRecord): Promise<void> {
  const configDirectory = configDirectoryOf(record.project);
  const state = await readTrust(host, record.id, record.project);
  const open = openExposures(state.exposures);
  if (open.length === 0) return;
  const now = Date.now();
  const files = await watchedFiles(configDirectory, state.roots, host.user.home);
  const isIntact = await intactMasks(open);
  const isCovered = (file: WatchedFile) =>
    open.some((exposure) => coversFile(exposure, file, isIntact));
  const isClean = files.every((file) => isAsSeen(file, state) || !isCovered(file));
  await writeTrust(host, record.id, {
    ...state,
    trustedAt: isClean ? now : state.trustedAt,
    exposures: state.exposures.map((exposure) => ({ ...exposure, until: exposure.until ?? now })),
  });
}

/** Tells masks that are still the directories which were covered. */
export async function intactMasks(
  exposures: readonly Exposure[],
): Promise<(mask: Exposure["masks"][number]) => boolean> {
  const intact = new Set<Exposure["masks"][number]>();
  for (const mask of exposures.flatMap(({ masks }) => masks)) {
    if (await identityOf(mask.path) === mask.identity) intact.add(mask);
  }
  return (mask) => intact.has(mask);
}

/** Tells a directory from one that was made in its place. */
async function identityOf(path: string): Promise<string> {
  try {
    const { dev, ino, birthtime } = await Deno.lstat(path);
    return `${dev}/${ino}/${birthtime?.getTime() ?? 0}`;
  } catch {
    return "gone";
  }
}
