import * as z from "../base/zod.ts";
import type { Project } from "../config/config.ts";
import { NixboxError } from "../base/error.ts";
import {
  exists,
  readTextIfExists,
  removeIfExists,
  writeTextAtomically,
} from "../host/files/files.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../base/progress.ts";
import { parseJson } from "../base/json.ts";
import { parentOf } from "../base/paths.ts";
import { run } from "../host/process/run.ts";
import { BuildReport } from "./build_report.ts";
import { requireWholeLock } from "./lock_file.ts";
import { nixFeatures, requireNix, type UsableNix } from "./nix.ts";
import { hashWithoutDisk, stage, type StageInput } from "./stage.ts";
import { stateVersionOf } from "./state_version.ts";

/** A runner that Nix built. */
export interface Built {
  /** In the Nix store; kept by a garbage collector's root in the state directory. */
  readonly runnerDirectory: string;
  readonly hash: string;
  /** Whether Nix had to be asked. */
  readonly isFresh: boolean;
}

const builtSchema = z.strictObject({ hash: z.string(), runnerDirectory: z.string() });

/** The last build of a project. @throws {NixboxError} if there is none. */
export async function readLastBuild(buildDirectory: string): Promise<Built> {
  const built = await findLastBuild(buildDirectory);
  if (built !== undefined) return built;
  throw new NixboxError("this project has not been built", { hint: "build it: `nixbox build`" });
}

/** The last build of a project, if there is one. */
export async function findLastBuild(buildDirectory: string): Promise<Built | undefined> {
  const text = await readTextIfExists(`${buildDirectory}/built.json`);
  if (text === undefined) return undefined;
  const parsed = builtSchema.safeParse(parseJson(text));
  // A build that the garbage collector has removed does not count.
  if (!parsed.success || !await exists(parsed.data.runnerDirectory)) return undefined;
  return { ...parsed.data, isFresh: false };
}

/** The build that a machine of this project runs: it stays whatever else is built. */
export interface BuildInUse {
  /** False where the machine's record cannot be read: no build is removed then. */
  readonly isKnown: boolean;
  readonly hash?: string | undefined;
}

export interface BuildOptions {
  readonly force: boolean;
  readonly signal: AbortSignal;
  /** Name of the progress step that Nix's lines belong to. */
  readonly step: string;
  readonly inUse: BuildInUse;
}

/**
 * Builds the runner, unless nothing that decides it has changed. The project's flake.lock is made at
 * the first build, from nixbox's own, and never changed by one.
 *
 * @throws {NixboxError} with Nix's own message if the build fails.
 */
export async function build(
  host: Host,
  project: Project,
  buildDirectory: string,
  input: StageInput,
  options: BuildOptions,
  emit: Emit,
): Promise<Built> {
  await requireLock(input);
  const staged = `${buildDirectory}/stage`;
  const hash = await stage(staged, input);
  const last = await findLastBuild(buildDirectory);
  const isSame = last !== undefined &&
    (last.hash === hash || await isSameByRelease(last, staged, input));
  if (!options.force && isSame) return last;
  const nix = await requireNix(host);
  const root = garbageCollectorRoot(buildDirectory, hash);
  const runnerDirectory = await buildStaged(nix, staged, root, options, emit);
  await keepLock(staged, project);
  return await noteBuild(buildDirectory, { hash, runnerDirectory }, options.inUse);
}

/**
 * Whether a build that was made before there was a disk is what one for the disk would be: of the same
 * files, and of the disk's release by itself. So the second `up` need not ask Nix.
 */
async function isSameByRelease(
  last: Built,
  staged: string,
  { stateVersion, config }: StageInput,
): Promise<boolean> {
  return stateVersion !== undefined &&
    last.hash === await hashWithoutDisk(staged, config) &&
    await stateVersionOf(last.runnerDirectory) === stateVersion;
}

/** Each build has its own link, so that one that a machine still runs outlives the next. */
export function garbageCollectorRoot(buildDirectory: string, hash: string): string {
  return `${buildDirectory}/results/${hash}`;
}

/**
 * Builds what is staged. `root` becomes a link to it that the garbage collector respects.
 *
 * @returns The runner's directory in the store.
 */
export async function buildStaged(
  { program }: UsableNix,
  staged: string,
  root: string,
  options: BuildOptions,
  emit: Emit,
): Promise<string> {
  await Deno.mkdir(parentOf(root), { recursive: true });
  await runNix(
    [
      ...[program, "build", "path:.#vm-runner", "--out-link", root, "--no-update-lock-file"],
      // What is evaluated runs nothing: a derivation that an evaluation waits for is a build before it.
      ...["--option", "allow-import-from-derivation", "false"],
      ...[...nixFeatures, "--log-format", "internal-json", "--print-build-logs"],
    ],
    staged,
    options,
    emit,
  );
  return await Deno.realPath(root);
}

/** Makes a build the project's last one; of the older ones, only the one that runs is kept. */
export async function noteBuild(
  buildDirectory: string,
  built: { readonly hash: string; readonly runnerDirectory: string },
  inUse: BuildInUse,
): Promise<Built> {
  await writeTextAtomically(`${buildDirectory}/built.json`, `${JSON.stringify(built)}\n`);
  if (inUse.isKnown) await removeOthers(buildDirectory, [built.hash, inUse.hash]);
  return { ...built, isFresh: true };
}

async function removeOthers(
  buildDirectory: string,
  kept: readonly (string | undefined)[],
): Promise<void> {
  const results = `${buildDirectory}/results`;
  for await (const { name } of Deno.readDir(results)) {
    if (!kept.includes(name)) await removeIfExists(`${results}/${name}`);
  }
  // Where earlier versions kept the one link that there was.
  if (kept.includes(undefined)) await removeIfExists(`${buildDirectory}/result`);
}

async function requireLock({ assets, files, configDirectory }: StageInput): Promise<void> {
  const file = `${configDirectory}/flake.lock`;
  const lock = await readTextIfExists(`${files}${file}`);
  if (lock === undefined) return;
  requireWholeLock(lock, await Deno.readTextFile(`${assets}/flake.lock`), file);
}

/** The lock belongs to the project, beside its config, to be kept in its version control. */
async function keepLock(staged: string, project: Project): Promise<void> {
  const lock = `${project.configDirectory}/flake.lock`;
  if (await exists(lock)) return;
  await writeTextAtomically(lock, await Deno.readTextFile(`${staged}/flake.lock`), 0o644);
}

async function runNix(
  argv: readonly string[],
  staged: string,
  options: BuildOptions,
  emit: Emit,
): Promise<void> {
  const report = new BuildReport();
  const { code } = await run(argv, {
    cwd: staged,
    signal: options.signal,
    accept: "any",
    onStderrLine: (line) => {
      const told = report.read(line);
      if (told !== undefined) emit({ kind: "output", step: options.step, line: told });
      const warning = report.takeWarning();
      if (warning !== undefined) emit({ kind: "warning", message: warning });
    },
  });
  if (code !== 0) throw report.failure();
}
