import { lstatIfExists } from "./files.ts";

/**
 * Removes a directory and all below, however deep and whatever its modes: a recursive removal ends the
 * whole process by its stack, and stops at a directory that its owner has closed. Symlinks are not
 * followed. Nobody may change the directory meanwhile. Nothing happens if there is none.
 */
export async function removeTree(top: string): Promise<void> {
  const found = await lstatIfExists(top);
  if (found === undefined) return;
  if (!found.isDirectory) return await Deno.remove(top);
  await Deno.chmod(top, 0o700);
  const mark = `${top}/${crypto.randomUUID()}`;
  let count = 0;
  // What lies two levels below is moved up, so that no path and no recursion grows.
  const waiting = await emptied(top, () => `${mark}.${count++}`);
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    waiting.push(...await emptied(next, () => `${mark}.${count++}`));
    await Deno.remove(next);
  }
  await Deno.remove(top);
}

/** Removes a directory's files, and moves its directories to where they are told. */
async function emptied(directory: string, place: () => string): Promise<string[]> {
  const moved: string[] = [];
  for (const { name, isDirectory } of [...Deno.readDirSync(directory)]) {
    const path = `${directory}/${name}`;
    if (!isDirectory) {
      await Deno.remove(path);
      continue;
    }
    // Its entry for the directory above changes, too.
    await Deno.chmod(path, 0o700);
    const to = place();
    await Deno.rename(path, to);
    moved.push(to);
  }
  return moved;
}
