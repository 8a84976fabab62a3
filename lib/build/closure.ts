import { NixboxError } from "../base/error.ts";
import { isWithin, joinPath, parentOf, resolvePath } from "../base/paths.ts";
import { pathLiterals } from "./path_literals.ts";

/** A file or a symlink that goes into the stage, by its absolute path. */
export interface StagedEntry {
  readonly path: string;
  /** Where it is read from: its place in a copy, or its path itself. */
  readonly from: string;
  /** Where a symlink leads, absolute; `undefined` for a file. */
  readonly linkTarget?: string;
}

export interface ClosureLimits {
  /** The project's `.nixbox`: its keys never go into a stage, nor does a directory that holds it. */
  readonly configDirectory: string;
  /** A copy of the project's files, at their absolute paths below it. */
  readonly root?: string;
  /** What is not in the copy, since it is the same for every project. */
  readonly outside?: readonly string[];
  readonly mostFiles?: number;
}

/** Where a file is read from. */
function placeOf(path: string, { root = "", outside = [] }: ClosureLimits): string {
  return outside.some((directory) => isWithin(path, directory)) ? path : `${root}${path}`;
}

/**
 * The files that NixOS modules need: themselves and, from there on, what a Nix file names by a
 * relative path. A directory counts whole. Of a path that goes on with `${...}`, the directory before
 * that counts, unless it is the one that the file itself lies in.
 *
 * @returns Sorted by path, each once.
 * @throws {NixboxError} if a module is missing, or a path takes in far more than a module needs.
 */
export async function moduleClosure(
  modules: readonly string[],
  limits: ClosureLimits,
): Promise<readonly StagedEntry[]> {
  const most = limits.mostFiles ?? 10_000;
  const found = new Map<string, StagedEntry>();
  const seen = new Set<string>();
  const waiting = modules.map((path) => ({ path, namedBy: "nix.modules" }));
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { path, namedBy } = next;
    if (seen.has(path)) continue;
    seen.add(path);
    const read = await readEntry(path, namedBy, limits);
    if (read === undefined) {
      if (modules.includes(path)) throw missing(path);
      continue;
    }
    if (read.entry !== undefined) found.set(path, read.entry);
    for (const other of read.leadsTo) waiting.push({ path: other, namedBy: path });
    if (found.size > most) throw tooMuch(`more than ${most} files`, namedBy);
  }
  return [...found.values()].sort((a, b) => a.path < b.path ? -1 : 1);
}

interface Read {
  readonly entry?: StagedEntry;
  readonly leadsTo: readonly string[];
}

async function readEntry(
  path: string,
  namedBy: string,
  limits: ClosureLimits,
): Promise<Read | undefined> {
  const { configDirectory } = limits;
  if (isWithin(path, `${configDirectory}/ssh`)) return { leadsTo: [] };
  const from = placeOf(path, limits);
  const info = await lstatIfExists(from);
  if (info === undefined) return undefined;
  if (info.isSymlink) {
    const linkTarget = resolvePath(parentOf(path), await Deno.readLink(from));
    return { entry: { path, from, linkTarget }, leadsTo: [linkTarget] };
  }
  if (info.isDirectory) {
    if (isWithin(configDirectory, path) && path !== configDirectory) {
      throw tooMuch(`${path}, the directory that holds .nixbox`, namedBy);
    }
    const leadsTo: string[] = [];
    for await (const { name } of Deno.readDir(from)) leadsTo.push(joinPath(path, name));
    return { leadsTo };
  }
  if (!info.isFile) return { leadsTo: [] };
  const leadsTo = path.endsWith(".nix") ? references(path, await Deno.readTextFile(from)) : [];
  return { entry: { path, from }, leadsTo };
}

/** What a Nix file names, as absolute paths. */
function references(file: string, text: string): string[] {
  const directory = parentOf(file);
  return pathLiterals(text).flatMap(({ path, isComputed }) => {
    if (!isComputed) return [resolvePath(directory, path)];
    const known = resolvePath(directory, parentOf(path));
    return isWithin(directory, known) ? [] : [known];
  });
}

async function lstatIfExists(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}

function missing(path: string): NixboxError {
  return new NixboxError(`there is no module ${path}`, {
    where: "nix.modules",
    hint: "fix the path; it counts from the file that names it",
  });
}

function tooMuch(what: string, namedBy: string): NixboxError {
  return new NixboxError(`a module takes ${what} into the build`, {
    where: namedBy,
    hint: "name the files that the module needs, or put them into their own directory",
  });
}
