import { NixboxError } from "../host/error.ts";
import { exists } from "../host/files.ts";

/**
 * The files that a NixOS module needs: itself and, from there on, everything that a Nix file names
 * by a relative path. A directory counts whole. Only files of plain names are found that way; a
 * path that is computed is not, and the build then says that it is missing.
 *
 * @returns Real absolute paths of files and directories, sorted.
 */
export async function moduleClosure(modules: readonly string[]): Promise<readonly string[]> {
  const found = new Set<string>();
  const waiting = [...modules];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path)) continue;
    if (!await exists(path)) {
      if (!modules.includes(path)) continue;
      throw new NixboxError(`there is no module ${path}`, {
        where: "nix.modules",
        hint: "mend the path",
      });
    }
    found.add(path);
    waiting.push(...await referencesOf(path));
  }
  return [...found].sort();
}

async function referencesOf(path: string): Promise<string[]> {
  const { isDirectory } = await Deno.stat(path);
  if (isDirectory) {
    const files: string[] = [];
    for await (const entry of Deno.readDir(path)) {
      if (entry.isDirectory || entry.name.endsWith(".nix")) files.push(`${path}/${entry.name}`);
    }
    return files;
  }
  if (!path.endsWith(".nix")) return [];
  const directory = path.slice(0, path.lastIndexOf("/"));
  return relativePaths(await Deno.readTextFile(path))
    .map((relative) => normalize(`${directory}/${relative}`));
}

/** Path literals of a Nix text that are relative ("Path" in the Nix manual's "Literals"). */
export function relativePaths(text: string): string[] {
  const withoutComments = text.replace(/(^|\s)#.*$/gm, "$1").replace(/\/\*.*?\*\//gs, "");
  return [...withoutComments.matchAll(/(?<![\w./~"}-])\.\.?(?:\/[\w.+-]+)+/g)].map(([path]) =>
    path
  );
}

/** Takes "." and ".." out of an absolute path. */
export function normalize(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return `/${parts.join("/")}`;
}
