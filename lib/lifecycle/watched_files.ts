import { pathLiterals } from "../build/path_literals.ts";
import { resolvePath } from "../build/closure.ts";
import { NixboxError } from "../host/error.ts";
import { sha256 } from "../host/hash.ts";
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
): Promise<readonly WatchedFile[]> {
  const found = new Map<string, WatchedFile>();
  const waiting = [configDirectory, ...roots];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path) || path === `${configDirectory}/ssh`) continue;
    if (found.size > mostFiles) throw tooMany(configDirectory);
    const info = await statIfExists(path);
    if (info?.isDirectory) {
      for await (const { name } of Deno.readDir(path)) waiting.push(`${path}/${name}`);
    } else if (info?.isFile) {
      const file = await readWatched(path);
      if (file === undefined) continue;
      found.set(path, file);
      if (path.endsWith(".nix")) {
        waiting.push(...await importsOf(path, new TextDecoder().decode(file.content)));
      }
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

/** What a Nix file names: files, and of directories what `import` would read. */
async function importsOf(file: string, text: string): Promise<string[]> {
  const directory = file.slice(0, file.lastIndexOf("/"));
  const paths: string[] = [];
  for (const { path, isComputed } of pathLiterals(text)) {
    if (isComputed) continue;
    const full = resolvePath(directory, path);
    const info = await statIfExists(full);
    if (info?.isDirectory) paths.push(`${full}/default.nix`);
    else paths.push(full);
  }
  return paths;
}

/** Larger files are no config; a device or pipe that a guest planted is not even opened. */
const mostBytes = 64 << 20;

function tooLarge(path: string): NixboxError {
  return new NixboxError(`${path} has more than 64 MiB`, {
    where: path,
    hint: "keep in .nixbox and in plugins only what belongs to them",
  });
}

async function readWatched(path: string): Promise<WatchedFile | undefined> {
  try {
    const realPath = await Deno.realPath(path);
    const info = await Deno.stat(path);
    if (!info.isFile) return undefined;
    if (info.size > mostBytes) throw tooLarge(path);
    const content = await Deno.readFile(path);
    return {
      path,
      realPath,
      content,
      mode: (info.mode ?? 0o600) & 0o777,
      hash: await sha256(content),
      changedAt: await changedAt(path),
    };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/** The latest change of a file and of every symlink on the way to it. */
async function changedAt(path: string): Promise<number> {
  let latest = (await Deno.stat(path)).ctime?.getTime() ?? Infinity;
  for (let part = path; part !== ""; part = part.slice(0, part.lastIndexOf("/"))) {
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
