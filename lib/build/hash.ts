import { sha256 } from "../host/hash.ts";

/**
 * One hash over a directory tree: names, kinds, the executable bit, contents and where symlinks
 * point; times and owners do not count. `more` is hashed with it.
 */
export async function hashTree(directory: string, more: readonly string[] = []): Promise<string> {
  const lines: string[] = [];
  await describe(directory, "", lines);
  return await sha256(JSON.stringify([lines, more]));
}

async function describe(root: string, relative: string, lines: string[]): Promise<void> {
  const entries: Deno.DirEntry[] = [];
  for await (const entry of Deno.readDir(`${root}/${relative}`)) entries.push(entry);
  entries.sort((a, b) => a.name < b.name ? -1 : 1);
  for (const entry of entries) {
    const name = relative === "" ? entry.name : `${relative}/${entry.name}`;
    const path = `${root}/${name}`;
    if (entry.isSymlink) {
      lines.push(JSON.stringify(["symlink", name, await Deno.readLink(path)]));
    } else if (entry.isDirectory) {
      lines.push(JSON.stringify(["directory", name]));
      await describe(root, name, lines);
    } else {
      const { mode } = await Deno.stat(path);
      const kind = ((mode ?? 0) & 0o100) !== 0 ? "program" : "file";
      lines.push(JSON.stringify([kind, name, await sha256(await Deno.readFile(path))]));
    }
  }
}
