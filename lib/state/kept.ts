import { NixboxError } from "../base/error.ts";
import {
  exists,
  readTextIfExists,
  removeIfExists,
  writeTextAtomically,
} from "../host/files/files.ts";
import { removeTree } from "../host/files/remove_tree.ts";
import type { Host } from "../host/host.ts";
import { isRelease } from "../base/nixos_release.ts";
import { statePaths } from "./store.ts";

/** What says whose keys must be hidden and what was accepted: it outlives every machine. */
const lasting: ReadonlySet<string> = new Set(["lock", "project.json", "accepted"]);

/** What else of a project's state directory is not made by its hypervisor and its guest. */
const remade: ReadonlySet<string> = new Set(["logs", "build", "obeyed"]);

/** Which release the disks are of: goes with them. */
const versionFile = "state-version";

/** Where a machine's disks are that its runner names without a directory. */
export function diskDirectory(stateDirectory: string): string {
  return `${stateDirectory}/${disksName}`;
}

const disksName = "disks";

/**
 * Makes the directory of a machine's disks, which is all of the project's state that its hypervisor sees.
 * Disks of an earlier version, which lay beside it, are moved there.
 */
export async function prepareDisks(host: Host, id: string): Promise<string> {
  const { directory } = statePaths(host, id);
  const disks = diskDirectory(directory);
  await Deno.mkdir(disks, { recursive: true, mode: 0o700 });
  for (const name of namesIn(directory).filter(isOfEarlierDisk)) {
    if (!await exists(`${disks}/${name}`)) {
      await Deno.rename(`${directory}/${name}`, `${disks}/${name}`);
    }
  }
  return disks;
}

/** Whether a name in the state directory is that of a disk of an earlier version's, or of what lay beside one. */
function isOfEarlierDisk(name: string): boolean {
  return !lasting.has(name) && !remade.has(name) && name !== disksName &&
    !name.startsWith(versionFile) && !name.endsWith(".new");
}

/** Whether there is a disk of the machine's, or what its hypervisor keeps beside one. */
export function hasDisk(host: Host, id: string): boolean {
  const { directory } = statePaths(host, id);
  return namesIn(diskDirectory(directory)).length > 0 || namesIn(directory).some(isOfEarlierDisk);
}

/**
 * The release of NixOS that the machine's disk was made with, as it was noted; `undefined` where it was
 * not. It counts only where there is a disk.
 *
 * @throws {NixboxError} if what was noted is not a release.
 */
export async function readStateVersion(host: Host, id: string): Promise<string | undefined> {
  const path = `${statePaths(host, id).directory}/${versionFile}`;
  const text = (await readTextIfExists(path))?.trim();
  if (text === undefined || isRelease(text)) return text;
  throw new NixboxError("this is not a release of NixOS, which the machine's disk is of", {
    where: path,
    hint: 'write the one that it was made with ("25.11"), or start with an empty disk: ' +
      "`nixbox up --fresh`",
  });
}

/** Notes the release that the machine's disk is of, or that it is not known. */
export async function writeStateVersion(
  host: Host,
  id: string,
  version: string | undefined,
): Promise<void> {
  const path = `${statePaths(host, id).directory}/${versionFile}`;
  if (version === undefined) await removeIfExists(path);
  else await writeTextAtomically(path, `${version}\n`);
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
  const names = namesIn(directory).filter(isMeant).sort();
  const removed: string[] = [];
  for (const name of names) {
    const path = `${directory}/${name}`;
    if (name !== "logs") await removeTree(path);
    else if (!await emptyDirectory(path)) continue;
    if (!name.startsWith(versionFile)) removed.push(name);
  }
  return removed;
}

function namesIn(directory: string): readonly string[] {
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** @returns Whether there was anything in it. */
async function emptyDirectory(path: string): Promise<boolean> {
  const names = namesIn(path);
  for (const name of names) await removeIfExists(`${path}/${name}`);
  return names.length > 0;
}
