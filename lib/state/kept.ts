import { removeIfExists } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { statePaths } from "./store.ts";

/** What of a project's state directory is not made by its hypervisor and its guest. */
const ownNames: ReadonlySet<string> = new Set(["lock", "logs", "build", "obeyed"]);

/**
 * Removes the machine's disks, wherever its runner makes them in the state directory: the next boot
 * starts with empty ones. The machine must not run; the caller holds the project's lock.
 *
 * @returns The names of what was removed.
 */
export async function removeDisks(host: Host, id: string): Promise<readonly string[]> {
  return await removeFrom(host, id, (name) => !ownNames.has(name));
}

/** Removes all that is kept of a project's machine: disks, logs and the build. The lock is held. */
export async function forgetMachine(host: Host, id: string): Promise<readonly string[]> {
  return await removeFrom(host, id, (name) => name !== "lock");
}

async function removeFrom(
  host: Host,
  id: string,
  isMeant: (name: string) => boolean,
): Promise<readonly string[]> {
  const { directory } = statePaths(host, id);
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name).filter(isMeant).sort();
  for (const name of names) await removeIfExists(`${directory}/${name}`);
  return names;
}
