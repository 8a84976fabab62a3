import type { Project } from "../../config/config.ts";
import { assetsDirectory } from "../../host/assets.ts";
import { NixboxError } from "../../base/error.ts";
import { readTextIfExists } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { type Emit, tellStep } from "../../base/progress.ts";
import type { StageInput } from "../../build/stage.ts";
import { build, type BuildInUse, type Built, readLastBuild } from "../../build/build_runner.ts";
import { chooseHypervisor } from "../../hypervisor/choose.ts";
import type { HypervisorName, RunnerView } from "../../runner/view.ts";
import { lockProject, readRecord } from "../../state/store.ts";
import { readRunnerDirectory } from "./runner_directory.ts";
import { buildDirectory, noteStateVersion } from "./state_version.ts";
import { type AcceptedConfig, acceptWritten } from "../trust/consent.ts";
import { readConfig } from "../trust/read_config.ts";

export type { Built } from "../../build/build_runner.ts";

const step = "build the machine";

/** Builds a project's runner for a hypervisor. The caller holds the project's lock. */
export async function buildRunner(
  host: Host,
  project: Project,
  accepted: AcceptedConfig,
  hypervisor: HypervisorName,
  options: { readonly force?: boolean; readonly fresh?: boolean; readonly signal: AbortSignal },
  emit: Emit,
): Promise<Built> {
  const { signal, force = false, fresh = false } = options;
  // The disk that there is goes before this build is booted.
  const version = fresh ? undefined : await noteStateVersion(host, project);
  const input = await stageInput(host, project, accepted, hypervisor, version);
  const directory = buildDirectory(host, project);
  const inUse = await buildInUse(host, project);
  const built = await tellStep(
    emit,
    step,
    () => build(host, project, directory, input, { force, signal, step, inUse }, emit),
  );
  // The first build writes the project's lock.
  const lock = await readTextIfExists(`${directory}/stage/flake.lock`);
  if (lock !== undefined) await acceptLock(host, project, accepted, lock);
  return built;
}

/** What the project's machine runs, as its record says. */
export async function buildInUse(host: Host, project: Project): Promise<BuildInUse> {
  try {
    return { isKnown: true, hash: (await readRecord(host, project.id))?.build };
  } catch (error) {
    if (!(error instanceof NixboxError)) throw error;
    return { isKnown: false };
  }
}

/** Accepts a lock that this program has written itself. */
export async function acceptLock(
  host: Host,
  project: Project,
  { examined }: AcceptedConfig,
  text: string,
): Promise<void> {
  const name = ".nixbox/flake.lock";
  if (examined.gathered.text(`${project.directory}/${name}`) === text) return;
  await acceptWritten(host, project, examined, new Map([[name, text]]));
}

export async function stageInput(
  host: Host,
  project: Project,
  { config, snapshot }: AcceptedConfig,
  hypervisor: HypervisorName,
  stateVersion: string | undefined,
): Promise<StageInput> {
  return {
    assets: await assetsDirectory(),
    files: snapshot.files,
    configDirectory: project.configDirectory,
    config,
    hypervisor,
    hostSystem: host.nixSystem,
    stateVersion,
  };
}

/** The last build, whatever the config says now. @throws {NixboxError} if there is none. */
export async function lastBuild(host: Host, project: Project): Promise<Built> {
  return await readLastBuild(buildDirectory(host, project));
}

/** `nixbox build`: reads the config, chooses the hypervisor, builds. */
export async function buildProject(
  host: Host,
  project: Project,
  options: { readonly force?: boolean; readonly signal: AbortSignal },
  emit: Emit,
): Promise<Built> {
  await using accepted = await readConfig(host, project, options.signal, emit);
  const chosen = chooseHypervisor(accepted.config.hypervisor, {
    os: host.os,
    acceleration: await host.acceleration(),
  });
  if (chosen.warning !== undefined) emit({ kind: "warning", message: chosen.warning });
  const lock = await lockProject(host, project.id, {
    work: "build",
    timeoutMs: 600_000,
    signal: options.signal,
    emit,
  });
  try {
    return await buildRunner(host, project, accepted, chosen.hypervisor, options, emit);
  } finally {
    lock.release();
  }
}

/** What a built runner starts, without the script that it was read from. */
export async function describeRunner(built: Built): Promise<RunnerView> {
  const { script: _, ...view } = (await readRunnerDirectory(built.runnerDirectory)).runner;
  return view;
}
