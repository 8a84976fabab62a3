import { messageOf } from "../../base/error.ts";
import { fileError, lstatIfExists } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { nameOf } from "../../base/paths.ts";
import type { Protection } from "../../share/covers.ts";
import { neutralCommonDirectory } from "../../share/obeyed.ts";
import type { ShareRecord } from "../../state/record.ts";
import { listRecords } from "../../state/store.ts";

/** Makes what must be there so that it can be held. What cannot be made here the guest cannot make. */
export async function makePlaceholders({ placeholders }: Protection): Promise<void> {
  for (const path of placeholders) {
    if (await lstatIfExists(path) !== undefined) continue;
    try {
      await makePlaceholder(path);
    } catch (error) {
      if (!(error instanceof Deno.errors.PermissionDenied) && !isReadOnly(error)) {
        throw fileError(`${path} could not be made`, error);
      }
    }
  }
}

/**
 * Removes them again, once the share's server has ended, if nobody has put anything there. Those that
 * another share needs stay: Linux takes away the mount of a directory that is removed elsewhere.
 */
export async function releaseProtection(
  host: Host,
  share: Pick<ShareRecord, "protection">,
  isGoing: (machine: string, share: string) => boolean,
): Promise<void> {
  const placeholders = share.protection?.placeholders ?? [];
  if (placeholders.length === 0) return;
  const { records } = await listRecords(host);
  const others = records.flatMap(({ id, shares }) =>
    shares.filter((other) => !isGoing(id, other.id))
  );
  const held = others.flatMap(({ protection }) => protection?.sealed ?? []);
  for (const path of placeholders.toReversed()) {
    if (held.includes(path)) continue;
    const info = await lstatIfExists(path).catch(() => undefined);
    const isOurs = info?.isDirectory ||
      info?.isFile && isCommonDirectoryFile(path) && info.size === neutralCommonDirectory.length &&
        await Deno.readTextFile(path) === neutralCommonDirectory;
    // A directory with something in it stays.
    if (isOurs) await removeUnlessFilled(path);
  }
}

async function removeUnlessFilled(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    // ENOTEMPTY, for which Deno has no class, on Linux and on macOS.
    const isFilled = /os error (39|66)\b/.test(messageOf(error));
    if (isFilled || error instanceof Deno.errors.NotFound || isReadOnly(error)) return;
    throw fileError(`${path} could not be removed`, error);
  }
}

async function makePlaceholder(path: string): Promise<void> {
  if (isCommonDirectoryFile(path)) {
    await Deno.writeTextFile(path, neutralCommonDirectory, { createNew: true, mode: 0o644 });
  } else {
    // git takes no notice of a directory in which there is nothing.
    await Deno.mkdir(path, { mode: 0o755 });
  }
}

/** Deno has no class for EROFS. */
function isReadOnly(error: unknown): boolean {
  return /os error 30\b/.test(messageOf(error));
}

function isCommonDirectoryFile(path: string): boolean {
  return nameOf(path) === "commondir";
}
