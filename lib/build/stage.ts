import type { Config } from "../config/config.ts";
import { NixboxError } from "../base/error.ts";
import { exists, fileError, readTextIfExists, removeIfExists } from "../host/files/files.ts";
import type { NixSystem } from "../host/host.ts";
import type { HypervisorName } from "../runner/view.ts";
import { hashTree } from "./build_hash.ts";
import { moduleClosure } from "./closure.ts";
import { sha256 } from "../base/hash.ts";

export interface StageInput {
  /** nixbox's own flake.nix, flake.lock and nix/. */
  readonly assets: string;
  /** Where the project's files are read from, at their absolute paths below it: as they were accepted. */
  readonly files: string;
  readonly configDirectory: string;
  readonly config: Config;
  readonly hypervisor: HypervisorName;
  readonly hostSystem: NixSystem;
  /** Of the machine's disk ("25.11"); without it, the build takes the release of its nixpkgs. */
  readonly stateVersion?: string | undefined;
}

/** Where the stage has {@linkcode StageInput.stateVersion}; nix/machine.nix reads it. */
const stateVersionFile = "project/state-version";

/**
 * Makes the directory that `nix build` gets: nixbox's own Nix files, the project's lock, and what of
 * the config decides the build. Values of `env` are never part of it: it goes to the Nix store.
 *
 * It appears whole or not at all. Gives the hash of everything that decides the build.
 *
 * @throws {NixboxError} if the disk is full or a module is missing; nothing is left then.
 */
export async function stage(directory: string, input: StageInput): Promise<string> {
  const unfinished = `${directory}.unfinished`;
  await removeIfExists(unfinished);
  try {
    await Deno.mkdir(unfinished, { recursive: true, mode: 0o700 });
    await copyOwnFiles(input, unfinished);
    await copyModules(input, unfinished);
    await Deno.writeTextFile(`${unfinished}/project/project.json`, projectJson(input));
    if (input.stateVersion !== undefined) {
      await Deno.writeTextFile(`${unfinished}/${stateVersionFile}`, input.stateVersion);
    }
    await removeIfExists(directory);
    await Deno.rename(unfinished, directory);
  } catch (error) {
    await removeIfExists(unfinished);
    if (error instanceof NixboxError) throw error;
    throw fileError("the build could not be staged", error);
  }
  return await hashStage(directory, input.config);
}

/** The hash of everything that decides the build of a staged directory. */
export async function hashStage(directory: string, config: Config): Promise<string> {
  return await hashTree(directory, await otherInputs(config));
}

/** The hash that a staged directory would have without the version of a disk. */
export async function hashWithoutDisk(directory: string, config: Config): Promise<string> {
  return await hashTree(directory, await otherInputs(config), stateVersionFile);
}

async function copyOwnFiles(
  { assets, files, configDirectory }: StageInput,
  to: string,
): Promise<void> {
  await copyTree(`${assets}/flake.nix`, `${to}/flake.nix`);
  // Not copied with its mode: nixbox's own may be read-only, and an update writes to this one.
  const own = await Deno.readTextFile(`${assets}/flake.lock`);
  const lock = await readTextIfExists(`${files}${configDirectory}/flake.lock`) ?? own;
  await Deno.writeTextFile(`${to}/flake.lock`, lock, { mode: 0o644 });
  await copyTree(`${assets}/nix`, `${to}/nix`);
}

/** Modules keep their absolute places below `project/files`, so that relative imports hold. */
async function copyModules(
  { assets, config, files, configDirectory }: StageInput,
  to: string,
): Promise<void> {
  const staged = `${to}/project/files`;
  await Deno.mkdir(staged, { recursive: true });
  // Modules of built-in plugins are nixbox's own, and not in the copy.
  const limits = { configDirectory, root: files, outside: [assets, "/nix/store"] };
  for (const { from, path, linkTarget } of await moduleClosure(config.nix.modules, limits)) {
    if (linkTarget === undefined) {
      await copyTree(from, `${staged}${path}`);
    } else {
      await Deno.mkdir(`${staged}${path}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.symlink(`${upToRoot(path)}${linkTarget.slice(1)}`, `${staged}${path}`);
    }
  }
}

/** "../../" for "/a/b/c": from where a staged symlink lies to where the stage has "/". */
function upToRoot(path: string): string {
  return "../".repeat(path.split("/").length - 2);
}

function projectJson(input: StageInput): string {
  const { config, hypervisor, hostSystem } = input;
  return JSON.stringify(
    {
      name: config.name,
      user: config.user,
      hypervisor,
      hostSystem,
      rosetta: config.rosetta && hypervisor === "vfkit",
      diskGB: config.resources.diskGB,
      packages: config.nix.packages,
      ldLibraries: config.nix.ldLibraries,
      modules: config.nix.modules.map((path) => `files${path}`),
    },
    null,
    2,
  );
}

/** Files that the config names and that are not part of the stage, by their contents. */
async function otherInputs(config: Config): Promise<string[]> {
  const files = [
    ...config.scripts.map(({ path }) => path),
    ...config.plugins.map(({ path }) => path),
  ];
  return await Promise.all(
    files.map(async (path) => `${path} ${await sha256(await readTextIfExists(path) ?? "")}`),
  );
}

/** Copies a file or a tree; symlinks stay what they are, the executable bit stays. */
async function copyTree(from: string, to: string): Promise<void> {
  const { isDirectory, isSymlink } = await Deno.lstat(from);
  await Deno.mkdir(to.slice(0, to.lastIndexOf("/")), { recursive: true });
  if (isSymlink) {
    if (!await exists(to)) await Deno.symlink(await Deno.readLink(from), to);
  } else if (isDirectory) {
    await Deno.mkdir(to, { recursive: true });
    for await (const entry of Deno.readDir(from)) {
      await copyTree(`${from}/${entry.name}`, `${to}/${entry.name}`);
    }
  } else {
    await Deno.copyFile(from, to);
  }
}
