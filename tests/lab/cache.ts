import { NixboxError } from "../../lib/base/error.ts";
import { exists, removeIfExists } from "../../lib/host/files/files.ts";
import { sha256 } from "../../lib/base/hash.ts";
import { takeLock } from "../../lib/host/files/lock.ts";

/** Something that takes long to make and is kept between runs, in its own directory. */
export interface CachedThing {
  readonly name: string;
  /** Everything that decides what comes out: a change here makes it again. */
  readonly definition: readonly string[];
  /** Fills a directory that is empty. */
  build(directory: string): Promise<void>;
}

/** Told one line per thing that happens. */
export type Report = (line: string) => void;

const longestBuildMs = 20 * 60 * 1000;
const keptUnusedMs = 14 * 24 * 60 * 60 * 1000;

/** `$NIXBOX_LAB_CACHE`, else `nixbox-lab` in the user's cache directory. */
export function cacheDirectory(env: (name: string) => string | undefined): string {
  const given = env("NIXBOX_LAB_CACHE");
  if (given) return given;
  const base = env("XDG_CACHE_HOME") || `${env("HOME") || "/root"}/.cache`;
  return `${base}/nixbox-lab`;
}

/**
 * Gives the directory that holds the thing, making it first if need be. A second caller waits for
 * the first; a build that was cut short leaves nothing that could be taken for a whole one.
 */
export async function cached(cache: string, thing: CachedThing, report: Report): Promise<string> {
  const key = (await sha256(JSON.stringify(thing.definition))).slice(0, 12);
  const directory = `${cache}/${thing.name}-${key}`;
  if (await isThere(directory)) return directory;
  await Deno.mkdir(cache, { recursive: true });
  const lock = await takeLock(`${cache}/${thing.name}.lock`, {
    timeoutMs: longestBuildMs,
    onWait: () => report(`${thing.name}: someone else is making it, waiting`),
  });
  if (lock === undefined) {
    throw new NixboxError(`${thing.name}: another process has been making it for 20 minutes`, {
      where: `${cache}/${thing.name}.lock`,
    });
  }
  try {
    if (await isThere(directory)) return directory;
    await removeUnused(cache, thing.name);
    await buildInto(directory, thing, report);
    return directory;
  } finally {
    lock.release();
  }
}

async function buildInto(directory: string, thing: CachedThing, report: Report): Promise<void> {
  const partial = `${directory}.partial`;
  const started = performance.now();
  report(`${thing.name}: making it`);
  await removeIfExists(partial);
  await Deno.mkdir(partial);
  try {
    await thing.build(partial);
    await Deno.rename(partial, directory);
  } catch (error) {
    await removeIfExists(partial);
    throw error;
  }
  report(`${thing.name}: done in ${((performance.now() - started) / 1000).toFixed(1)} s`);
}

/** Its time of change is that of the last use. */
async function isThere(directory: string): Promise<boolean> {
  if (!await exists(directory)) return false;
  await Deno.utime(directory, new Date(), new Date());
  return true;
}

async function removeUnused(cache: string, name: string): Promise<void> {
  for await (const entry of Deno.readDir(cache)) {
    if (!entry.isDirectory || !new RegExp(`^${name}-[0-9a-f]{12}$`).test(entry.name)) continue;
    const { mtime } = await Deno.stat(`${cache}/${entry.name}`);
    if (mtime !== null && Date.now() - mtime.getTime() > keptUnusedMs) {
      await removeIfExists(`${cache}/${entry.name}`);
    }
  }
}
