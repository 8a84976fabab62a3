import { exists, fileError, removeIfExists } from "./files.ts";

/**
 * Copies directories of a compiled program out of it, unless that was done already. Two may do it at
 * once: one rename wins, and the other's copy goes.
 *
 * @param from A directory inside the program, where files are read by Deno only.
 * @throws {NixboxError} if the target cannot be written.
 */
export async function unpackOnce(
  from: string,
  names: readonly string[],
  directory: string,
): Promise<void> {
  if (await exists(directory)) return;
  const fresh = `${directory}.${crypto.randomUUID()}`;
  try {
    await Deno.mkdir(fresh, { recursive: true });
    for (const name of names) await copyOut(`${from}/${name}`, `${fresh}/${name}`);
    await Deno.rename(fresh, directory);
  } catch (error) {
    await removeIfExists(fresh);
    if (await exists(directory)) return;
    throw fileError(`nixbox's own files could not be unpacked to ${directory}`, error);
  }
}

async function copyOut(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (isDirectory) await copyOut(`${from}/${name}`, `${to}/${name}`);
    else await copyFileOut(`${from}/${name}`, `${to}/${name}`);
  }
}

/** Modes are not kept inside a program: what begins like a script is one. */
async function copyFileOut(from: string, to: string): Promise<void> {
  const bytes = await Deno.readFile(from);
  const isScript = bytes[0] === 0x23 && bytes[1] === 0x21;
  await Deno.writeFile(to, bytes, { mode: isScript ? 0o755 : 0o644 });
}
