import type { Project } from "../../config/config.ts";
import { exists, fileError, removeIfExists, writeTextAtomically } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { takeKey } from "../../guest/take_key.ts";
import { projectKeys } from "../../guest/keys.ts";
import {
  earlierEntries,
  isEarlierProject,
  requireNoEarlierMachine,
} from "../../config/earlier_tool.ts";
import { gitignore } from "./init.ts";

/** What became of a project of the earlier nixbox. */
export interface Migration {
  /** Whether the guest's identity is the earlier one, which other hosts know. */
  readonly keptIdentity: boolean;
  /** What nixbox has no use for, now in {@linkcode Migration.directory}. */
  readonly moved: readonly string[];
  readonly directory: string;
  /** What is left to do by hand, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Migrates a project of the earlier nixbox: config.nix stays, the key that other hosts know becomes
 * the guest's identity, the rest goes to `.nixbox/earlier/`. Nothing is removed, and nothing of it is
 * evaluated or followed: the earlier tool's guest could write there. `nixbox trust` shows the config
 * before it is used.
 *
 * @returns `undefined` if this is not such a project.
 * @throws {NixboxError} if its machine still runs, or a file cannot be moved; what was done is undone.
 */
export async function migrate(host: Host, project: Project): Promise<Migration | undefined> {
  if (!await isEarlierProject(project)) return undefined;
  await requireNoEarlierMachine(host, project);
  const notes: string[] = [];
  const keptIdentity = await keepIdentity(host, project, notes);
  const directory = `${project.configDirectory}/earlier`;
  let moved: readonly string[];
  try {
    moved = await moveRest(project, directory);
  } catch (error) {
    const { identity } = projectKeys(project.configDirectory);
    if (keptIdentity) { for (const half of Object.values(identity)) await removeIfExists(half); }
    throw error;
  }
  await fixGitignore(project, notes);
  return { keptIdentity, moved, directory, notes };
}

async function keepIdentity(host: Host, project: Project, notes: string[]): Promise<boolean> {
  const { identity } = projectKeys(project.configDirectory);
  const earlier = `${project.configDirectory}/${earlierEntries.key}`;
  if (!await exists(earlier) || await exists(identity.privateFile)) return false;
  const problem = await takeKey(host, earlier, identity);
  if (problem === undefined) return true;
  notes.push(`the earlier key was not taken: ${problem}; register the new one below`);
  return false;
}

async function moveRest(project: Project, directory: string): Promise<readonly string[]> {
  const from = project.configDirectory;
  const { directories, runner, key } = earlierEntries;
  const moved: string[] = [];
  try {
    await Deno.mkdir(`${directory}/ssh`, { recursive: true, mode: 0o700 });
    for (const name of [...directories, runner, key, `${key}.pub`]) {
      if (!await exists(`${from}/${name}`)) continue;
      await Deno.rename(`${from}/${name}`, `${directory}/${name}`);
      moved.push(name);
    }
    return moved;
  } catch (error) {
    for (const name of moved) await Deno.rename(`${directory}/${name}`, `${from}/${name}`);
    if (moved.length === 0) await removeIfExists(directory);
    throw fileError(`${from} could not be migrated`, error);
  }
}

/** The earlier tool's hid the lock, which belongs into version control. */
async function fixGitignore(project: Project, notes: string[]): Promise<void> {
  const file = `${project.configDirectory}/.gitignore`;
  const wanted = `${gitignore}/earlier/\n`;
  const lines = await linesOf(file);
  const isTheirs = lines?.every((line) => ["*", "!config.nix", "!.gitignore", ""].includes(line));
  if (isTheirs === true) return await writeTextAtomically(file, wanted, 0o644);
  notes.push(
    "look at .nixbox/.gitignore: /ssh/ and /earlier/ must stay out of version control, " +
      "config.nix and flake.lock belong in it",
  );
}

/** `[]` where there is none; `undefined` for what is not an ordinary file. */
async function linesOf(file: string): Promise<readonly string[] | undefined> {
  if (!await exists(file)) return [];
  const { isFile, size } = await Deno.lstat(file);
  if (!isFile || size > 65_536) return undefined;
  return (await Deno.readTextFile(file)).split("\n").map((line) => line.trim())
    .filter((line) => !line.startsWith("#"));
}
