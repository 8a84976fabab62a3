import { allPathLiterals } from "../build/path_literals.ts";
import { NixboxError } from "../host/error.ts";
import { sha256 } from "../host/hash.ts";
import { expandHome, joinPath, parentOf, resolvePath } from "../host/paths.ts";
import type { WatchedFile } from "../state/trust.ts";

/** More than any config needs. */
const mostFiles = 10_000;

/**
 * The files that the host evaluates or runs for a project: all of `.nixbox` but the keys, and what
 * Nix files among them name outside of it.
 *
 * @param roots More files, and directories whose files all count, such as a plugin's.
 */
export async function watchedFiles(
  configDirectory: string,
  roots: readonly string[],
  home: string,
): Promise<readonly WatchedFile[]> {
  return await filesFrom([configDirectory, ...roots], home, `${configDirectory}/ssh`);
}

/** The files in some directories, and what Nix files among them name. */
export async function filesFrom(
  start: readonly string[],
  home: string,
  hidden?: string,
): Promise<readonly WatchedFile[]> {
  const found = new Map<string, WatchedFile>();
  const waiting = [...start];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path) || path === hidden) continue;
    if (found.size > mostFiles) throw tooMany(start[0] ?? path);
    const info = await statIfExists(path);
    if (info?.isDirectory) {
      for await (const { name } of Deno.readDir(path)) waiting.push(joinPath(path, name));
    } else if (info?.isFile) {
      const file = await readWatched(path);
      if (file === undefined) continue;
      found.set(path, file);
      if (!/\.nix$/.test(file.realPath) && !path.endsWith(".nix")) continue;
      waiting.push(...await importsOf(file, home));
    }
  }
  return [...found.values()].sort((a, b) => a.path < b.path ? -1 : 1);
}

function tooMany(configDirectory: string): NixboxError {
  return new NixboxError(`the config leads to more than ${mostFiles} files`, {
    where: configDirectory,
    hint: "keep in .nixbox and in plugins only what belongs to them",
  });
}

/**
 * What a Nix file names: files, and of directories what `import` would read. Nix follows a symlink
 * first, and counts from where it leads; both places count here.
 */
async function importsOf(file: WatchedFile, home: string): Promise<string[]> {
  const paths = new Set<string>();
  const literals = allPathLiterals(new TextDecoder().decode(file.content));
  for (const { path, isComputed } of literals) {
    if (isComputed) continue;
    const literal = expandHome(path, home);
    for (const place of [file.path, file.realPath]) {
      const full = resolvePath(parentOf(place), literal);
      const info = await statIfExists(full);
      paths.add(info?.isDirectory ? `${full}/default.nix` : full);
    }
  }
  return [...paths];
}

/** Larger files are no config. A device or pipe that a guest planted is not even opened. */
const mostBytes = 64 << 20;

async function readWatched(path: string): Promise<WatchedFile | undefined> {
  try {
    const realPath = await Deno.realPath(path);
    const info = await Deno.stat(path);
    if (!info.isFile) return undefined;
    const content = info.size > mostBytes
      // No guest can set the time of the last change.
      ? new TextEncoder().encode(`${info.size} bytes, changed ${info.ctime?.getTime()}\n`)
      : await Deno.readFile(path);
    return {
      path,
      realPath,
      content,
      mode: (info.mode ?? 0o600) & 0o777,
      hash: await sha256(content),
      changedAt: await changedAt(path),
    };
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied
    ) return undefined;
    throw error;
  }
}

/** The latest change of a file and of every symlink on the way to it. */
async function changedAt(path: string): Promise<number> {
  let latest = (await Deno.stat(path)).ctime?.getTime() ?? Infinity;
  for (let part = path; part !== "/"; part = parentOf(part)) {
    const { isSymlink, ctime } = await Deno.lstat(part);
    if (isSymlink) latest = Math.max(latest, ctime?.getTime() ?? Infinity);
  }
  return latest;
}

async function statIfExists(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory ||
      error instanceof Deno.errors.FilesystemLoop || error instanceof Deno.errors.PermissionDenied
    ) return undefined;
    throw error;
  }
}
