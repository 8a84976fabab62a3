import { exists, removeIfExists } from "../host/files.ts";
import { nameOf } from "../host/paths.ts";
import type { Host } from "../host/host.ts";
import { statePaths } from "./store.ts";

/** What says whose keys must be hidden and what was accepted: it outlives every machine. */
const lasting: ReadonlySet<string> = new Set(["lock", "project.json", "accepted"]);

/** What else of a project's state directory is not made by its hypervisor and its guest. */
const remade: ReadonlySet<string> = new Set(["logs", "build", "obeyed"]);

/** Where a machine's disks are that its runner names without a directory. */
export function diskDirectory(stateDirectory: string): string {
  return `${stateDirectory}/disks`;
}

/**
 * Makes the directory of a machine's disks, which is all of the project's state that its hypervisor sees.
 * Disks of an earlier version, which lay beside it, are moved there.
 */
export async function prepareDisks(host: Host, id: string): Promise<string> {
  const { directory } = statePaths(host, id);
  const disks = diskDirectory(directory);
  await Deno.mkdir(disks, { recursive: true, mode: 0o700 });
  for (const { name } of [...Deno.readDirSync(directory)]) {
    if (lasting.has(name) || remade.has(name) || name === nameOf(disks)) continue;
    if (!await exists(`${disks}/${name}`)) {
      await Deno.rename(`${directory}/${name}`, `${disks}/${name}`);
    }
  }
  return disks;
}

/**
 * Removes the machine's disks, wherever its runner makes them in the state directory: the next boot
 * starts with empty ones. The machine must not run; the caller holds the project's lock.
 *
 * @returns The names of what was removed.
 */
export async function removeDisks(host: Host, id: string): Promise<readonly string[]> {
  return await removeFrom(host, id, (name) => !lasting.has(name) && !remade.has(name));
}

/**
 * Removes all that is kept of a project's machine: disks, logs and the build. The lock is held. The
 * directory of the logs stays, for an `up` that waits.
 */
export async function forgetMachine(host: Host, id: string): Promise<readonly string[]> {
  return await removeFrom(host, id, (name) => !lasting.has(name));
}

async function removeFrom(
  host: Host,
  id: string,
  isMeant: (name: string) => boolean,
): Promise<readonly string[]> {
  const { directory } = statePaths(host, id);
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name).filter(isMeant).sort();
  const removed: string[] = [];
  for (const name of names) {
    const path = `${directory}/${name}`;
    if (name !== "logs") await removeIfExists(path);
    else if (!await emptyDirectory(path)) continue;
    removed.push(name);
  }
  return removed;
}

/** @returns Whether there was anything in it. */
async function emptyDirectory(path: string): Promise<boolean> {
  const names = [...Deno.readDirSync(path)].map(({ name }) => name);
  for (const name of names) await removeIfExists(`${path}/${name}`);
  return names.length > 0;
}
