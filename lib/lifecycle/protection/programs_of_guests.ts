import type { Host } from "../../host/host.ts";
import { NixboxError } from "../../base/error.ts";
import { keepProgramsFrom } from "../../host/process/programs.ts";
import { readGuestWritable } from "../../state/guest_writable.ts";
import { listRecords, writableSources } from "../../state/store.ts";

/**
 * Keeps this process from running a program that a guest may have written: called before a command
 * starts any. Where it cannot be told what guests can write, only root's programs are run.
 *
 * @param more Real paths: the project that the command is about, its config's writable mounts.
 */
export async function keepFromGuests(host: Host, more: readonly string[] = []): Promise<void> {
  const { records, problems } = await listRecords(host);
  if (problems.length > 0) return keepProgramsFrom("unknown");
  try {
    const before = readGuestWritable(host);
    keepProgramsFrom([...records.flatMap(writableSources), ...before, ...more]);
  } catch (error) {
    if (!(error instanceof NixboxError)) throw error;
    keepProgramsFrom("unknown");
  }
}

/** As {@linkcode keepFromGuests}, once a config says what else its machine will be able to write. */
export async function keepFromMounts(
  mounts: readonly { source: string; readonly: boolean; overlay: boolean }[],
): Promise<void> {
  const writable = mounts.filter(({ readonly, overlay }) => !readonly && !overlay);
  keepProgramsFrom(
    await Promise.all(writable.map(({ source }) => Deno.realPath(source).catch(() => source))),
  );
}
