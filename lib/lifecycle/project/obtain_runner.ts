import type { Config, Project } from "../../config/config.ts";
import type { Acceleration, Host } from "../../host/host.ts";
import { NixboxError } from "../../base/error.ts";
import { type Emit, tellStep } from "../../base/progress.ts";
import { chooseHypervisor } from "../../hypervisor/choose.ts";
import type { AcceptedConfig } from "../trust/consent.ts";
import { readRunnerDirectory, type RunnerDirectory } from "./runner_directory.ts";
import { versionOfDisk } from "./state_version.ts";

export interface ObtainOptions {
  /** The config and its files, as the user has accepted them. */
  readonly accepted: AcceptedConfig;
  readonly runner?: string;
  readonly noBuild?: boolean;
  readonly mayBuild: boolean;
  /** The machine's disks are removed before it starts. */
  readonly fresh?: boolean;
  readonly signal: AbortSignal;
}

export interface ObtainedRunner {
  readonly directory: RunnerDirectory;
  /** Hash of the build; `prebuilt` for a runner that was built elsewhere. */
  readonly build: string;
  readonly acceleration: Acceleration;
}

/** Gets the runner: the given one, the last build, or a new build. */
export async function obtainRunner(
  host: Host,
  project: Project,
  config: Config,
  options: ObtainOptions,
  emit: Emit,
): Promise<ObtainedRunner> {
  const acceleration = await host.acceleration();
  if (options.runner !== undefined) {
    const directory = await readRunnerDirectory(options.runner);
    requireFit(host, directory, config, acceleration, emit);
    if (!options.fresh) await warnOfVersion(host, project, directory, emit);
    return { directory, build: "prebuilt", acceleration };
  }
  const { hypervisor, warning } = chooseHypervisor(config.hypervisor, {
    os: host.os,
    acceleration,
  });
  if (warning !== undefined) emit({ kind: "warning", message: warning });
  const { buildRunner, lastBuild } = await import("./build.ts");
  const { accepted, signal, fresh = false } = options;
  const built = options.mayBuild && !options.noBuild
    ? await buildRunner(host, project, accepted, hypervisor, { signal, fresh }, emit)
    : await lastBuild(host, project);
  const directory = await tellStep(
    emit,
    "read the runner",
    () => readRunnerDirectory(built.runnerDirectory),
  );
  return { directory, build: built.hash, acceleration };
}

/** @throws {NixboxError} if a runner that was built elsewhere cannot run here. */
function requireFit(
  host: Host,
  directory: RunnerDirectory,
  config: Config,
  acceleration: Acceleration,
  emit: Emit,
): void {
  const { hypervisor } = directory.runner;
  if (config.hypervisor !== "auto" && config.hypervisor !== hypervisor) {
    throw new NixboxError(
      `the runner is for ${hypervisor}, and the config asks for ${config.hypervisor}`,
      { where: "hypervisor", hint: 'set hypervisor = "auto", or take another runner' },
    );
  }
  if ((hypervisor === "vfkit") !== (host.guestLink === "vsock")) {
    throw new NixboxError(`the runner is for ${hypervisor}, which does not run on this host`, {
      where: "--runner",
      hint: "vfkit is for macOS, cloud-hypervisor and QEMU are for Linux: take another runner",
    });
  }
  if (acceleration.usable) return;
  if (hypervisor !== "qemu") {
    throw new NixboxError(`the runner is for ${hypervisor}, which cannot run here`, {
      hint: "take a runner for qemu, which also runs without hardware acceleration",
      log: [acceleration.reason],
    });
  }
  emit({ kind: "warning", message: `no KVM (${acceleration.reason}): QEMU emulates, slowly` });
}

/** A runner that was built elsewhere is as it is: what services have on the disk may not fit it. */
async function warnOfVersion(
  host: Host,
  project: Project,
  { stateVersion }: RunnerDirectory,
  emit: Emit,
): Promise<void> {
  const ofDisk = await versionOfDisk(host, project);
  if (stateVersion === undefined || ofDisk === undefined || stateVersion === ofDisk) return;
  emit({
    kind: "warning",
    message:
      `the runner's system.stateVersion is ${stateVersion}, and the machine's disk was made ` +
      `with ${ofDisk}: set that where the runner is built, or start with \`nixbox up --fresh\``,
  });
}
