import { sha256 } from "../base/hash.ts";

/**
 * One hash over a directory tree: names, kinds, the executable bit, contents and where symlinks
 * point; times and owners do not count. `more` is hashed with it; the file `but`, by its path in the
 * tree, counts as if it were not there.
 */
export async function hashTree(
  directory: string,
  more: readonly string[] = [],
  but?: string,
): Promise<string> {
  const lines: string[] = [];
  await describe(directory, "", lines, but);
  return await sha256(JSON.stringify([lines, more]));
}

async function describe(
  root: string,
  relative: string,
  lines: string[],
  but: string | undefined,
): Promise<void> {
  const entries: Deno.DirEntry[] = [];
  for await (const entry of Deno.readDir(`${root}/${relative}`)) entries.push(entry);
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const entry of entries) {
    const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
    if (name === but) continue;
    const path = `${root}/${name}`;
    if (entry.isSymlink) {
      lines.push(JSON.stringify(["symlink", name, await Deno.readLink(path)]));
    } else if (entry.isDirectory) {
      lines.push(JSON.stringify(["directory", name]));
      await describe(root, name, lines, but);
    } else {
      const { mode } = await Deno.stat(path);
      const kind = ((mode ?? 0) & 0o100) !== 0 ? "program" : "file";
      lines.push(JSON.stringify([kind, name, await sha256(await Deno.readFile(path))]));
    }
  }
}
