import { encodeHex } from "./hex.ts";

/** Where the lab keeps what is slow to make: between runs, keyed by what defines it. */
export function cacheDirectory(): string {
  const home = Deno.env.get("HOME") ?? "/root";
  return Deno.env.get("NIXBOX_LAB_CACHE") ??
    `${Deno.env.get("XDG_CACHE_HOME") ?? `${home}/.cache`}/nixbox-lab`;
}

/**
 * Gives the directory `NAME-KEY` of the cache, making it with `make` if it is missing. It appears
 * whole or not at all; a second maker waits for the first.
 */
export async function cached(
  name: string,
  definition: unknown,
  make: (directory: string) => Promise<void>,
): Promise<string> {
  const cache = cacheDirectory();
  await Deno.mkdir(cache, { recursive: true });
  const directory = `${cache}/${name}-${await keyOf(definition)}`;
  using lock = await Deno.open(`${cache}/${name}.lock`, { create: true, write: true });
  await lock.lock(true);
  if (await isDirectory(directory)) return directory;
  await removeMatching(cache, `${name}-`);
  const unfinished = `${directory}.unfinished`;
  await Deno.mkdir(unfinished);
  const startedAt = performance.now();
  console.error(`lab: making ${name} ...`);
  await make(unfinished);
  await Deno.rename(unfinished, directory);
  console.error(`lab: made ${name} (${((performance.now() - startedAt) / 1000).toFixed(0)} s)`);
  return directory;
}

async function keyOf(definition: unknown): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(definition));
  return encodeHex(await crypto.subtle.digest("SHA-256", bytes)).slice(0, 16);
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch {
    return false;
  }
}

/** Older versions and unfinished ones are of no use any more. */
async function removeMatching(directory: string, prefix: string): Promise<void> {
  for await (const entry of Deno.readDir(directory)) {
    if (entry.isDirectory && entry.name.startsWith(prefix)) {
      await Deno.remove(`${directory}/${entry.name}`, { recursive: true });
    }
  }
}
