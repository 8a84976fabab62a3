import type { Project } from "../config/config.ts";
import { NixboxError } from "../base/error.ts";
import { removeIfExists, writeTextAtomically } from "../host/files/files.ts";
import type { Host } from "../host/host.ts";
import { nixMessage } from "../host/nix/nix_message.ts";
import type { Emit } from "../base/progress.ts";
import { CommandError, run } from "../host/process/run.ts";
import { isOlderThan } from "../host/nix/nix_version.ts";
import {
  type BuildOptions,
  buildStaged,
  type Built,
  garbageCollectorRoot,
  noteBuild,
} from "./build_runner.ts";
import { type InputChange, lockChanges, lockedInputs } from "./lock_file.ts";
import { nixFeatures, requireNix, type UsableNix } from "./nix.ts";
import { hashStage, stage, type StageInput } from "./stage.ts";

/** What an update came to. */
export interface Updated {
  /** What is another now; empty if everything was new already. */
  readonly changes: readonly InputChange[];
  /** The build with the new lock; absent if nothing changed. */
  readonly built?: Built;
  /** The new lock, as it was written; absent if nothing changed. */
  readonly lock?: string;
}

/**
 * Renews the project's flake.lock and builds with it. The old lock and the old build stay what they
 * are until the new build is there.
 *
 * @param inputs Names of the flake's inputs; all of them if empty.
 * @throws {NixboxError} if an input is unknown, cannot be fetched, or the build fails.
 */
export async function updateLock(
  host: Host,
  project: Project,
  buildDirectory: string,
  input: StageInput,
  inputs: readonly string[],
  options: BuildOptions,
  emit: Emit,
): Promise<Updated> {
  const nix = await requireNix(host);
  const staged = `${buildDirectory}/update`;
  try {
    await stage(staged, input);
    const lock = `${staged}/flake.lock`;
    const before = await Deno.readTextFile(lock);
    requireInputs(before, inputs);
    await renew(nix, staged, inputs, options);
    const after = await Deno.readTextFile(lock);
    const changes = lockChanges(before, after);
    if (changes.length === 0) return { changes };
    const hash = await hashStage(staged, input.config);
    const root = garbageCollectorRoot(buildDirectory, hash);
    const built = { hash, runnerDirectory: await buildStaged(nix, staged, root, options, emit) };
    await writeTextAtomically(`${project.configDirectory}/flake.lock`, after, 0o644);
    const noted = await noteBuild(buildDirectory, built, options.inUse);
    return { changes, built: noted, lock: after };
  } finally {
    await removeIfExists(staged);
  }
}

function requireInputs(lock: string, wanted: readonly string[]): void {
  const known = [...lockedInputs(lock)?.keys() ?? []];
  const unknown = wanted.find((name) => !known.includes(name));
  if (unknown === undefined) return;
  throw new NixboxError(`the flake has no input ${unknown}`, {
    where: "--input",
    hint: `it has: ${known.join(", ")}`,
    exitCode: 2,
  });
}

async function renew(
  nix: UsableNix,
  staged: string,
  inputs: readonly string[],
  { signal }: BuildOptions,
): Promise<void> {
  try {
    await run([nix.program, "flake", ...updateWords(nix, inputs), ...nixFeatures], {
      cwd: staged,
      signal,
    });
  } catch (error) {
    if (!(error instanceof CommandError) || signal.aborted) throw error;
    const [first = error.message, ...others] = nixMessage(error.stderr);
    throw new NixboxError(`the inputs could not be renewed: ${first}`, {
      hint: "is the network up? The lock and the last build are what they were",
      log: others.slice(0, 8),
    });
  }
}

/** `nix flake update` takes names of inputs since Nix 2.19; `nix flake lock` could do it before. */
function updateWords({ version }: UsableNix, inputs: readonly string[]): string[] {
  if (!isOlderThan(version, { major: 2, minor: 19 })) {
    return ["update", "--flake", "path:.", ...inputs];
  }
  if (inputs.length === 0) return ["update", "path:."];
  return ["lock", "path:.", ...inputs.flatMap((name) => ["--update-input", name])];
}
