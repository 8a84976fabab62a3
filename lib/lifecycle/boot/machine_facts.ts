import type { Config, Project } from "../../config/config.ts";
import { NixboxError } from "../../base/error.ts";
import type { Acceleration, Host } from "../../host/host.ts";
import type { Emit } from "../../base/progress.ts";
import { checkRuntimeDirectory } from "../../guest/ssh.ts";
import { macOf } from "../../network/policy/addresses.ts";
import type { SlotPlace } from "../../state/slots.ts";
import { statePaths } from "../../state/store.ts";
import type { MachineFacts } from "./machine_plan.ts";
import { type ObtainedRunner, type ObtainOptions, obtainRunner } from "../project/obtain_runner.ts";
import { noProtection } from "../../share/covers.ts";
import { obeyedByDefault } from "../../share/obeyed.ts";
import { linkedWorkTrees } from "../protection/linked_work_tree.ts";
import { located, type MountSource } from "../protection/located.ts";
import { findProtection } from "../protection/protect.ts";
import { privateDirectories, projectsFirst } from "../protection/private_directories.ts";
import type { HostFile } from "../trust/host_files.ts";

export interface FactsOptions extends ObtainOptions {
  /** Where slots are kept. */
  readonly place: SlotPlace;
  /** What the guest's environment gets. */
  readonly env: Readonly<Record<string, string>>;
  /** What hooks may run, as it was accepted. */
  readonly hostFiles: readonly HostFile[];
}

/** Asks host and disk for what every plan follows from; gets the runner, building it if need be. */
export async function machineFacts(
  host: Host,
  project: Project,
  config: Config,
  options: FactsOptions,
  emit: Emit,
): Promise<{ readonly facts: MachineFacts; readonly obtained: ObtainedRunner }> {
  checkRuntimeDirectory(`${host.paths.runtime}/${project.id}`);
  const obtained = await obtainRunner(host, project, config, options, emit);
  const starter = await host.processes.identify(Deno.pid);
  if (typeof starter !== "object") {
    throw new NixboxError("this process is not in the process table");
  }
  const sources = await Promise.all(
    config.mounts.map((mount) => locatedMount(host, project, mount, emit)),
  );
  const linked = host.guestLink === "tap"
    ? await linkedWorkTrees(config.mounts, sources, emit)
    : [];
  const repositories = linked.flatMap(({ repository }) =>
    repository === undefined ? [] : [repository]
  );
  const facts: MachineFacts = {
    host,
    project,
    config: { ...config, mounts: [...config.mounts, ...repositories.map(({ mount }) => mount)] },
    env: options.env,
    state: statePaths(host, project.id),
    mac: await macOf(project.id),
    runner: obtained.directory.runner,
    build: obtained.build,
    hostFiles: options.hostFiles,
    guest: obtained.directory.guest,
    stateVersion: obtained.directory.stateVersion,
    sources: [...sources, ...repositories.map(({ source }) => source)],
    binds: linked.map(({ bind }) => bind),
    privateDirectories: await privateDirectories(host, project),
    acceleration: accelerationOf(obtained.acceleration),
    tools: { bash: await host.which("bash") ?? "bash" },
    starter,
    now: Date.now(),
  };
  return { facts, obtained };
}

/** Where a mount's source is, and what of it the guest must not change. */
async function locatedMount(
  host: Host,
  project: Project,
  { source, readonly, overlay, protect }: Config["mounts"][number],
  emit: Emit,
): Promise<MountSource> {
  const place = await located(source);
  if (readonly || overlay || place.identity === "") return place;
  // vfkit can keep nothing from the guest: changes are told, and not prevented.
  if (host.guestLink === "vsock") {
    return { ...place, protection: { ...noProtection, names: protect ?? obeyedByDefault } };
  }
  const { protection, warnings } = await findProtection(
    place.path,
    protect,
    await projectsFirst(host, project),
  );
  for (const message of warnings) emit({ kind: "warning", message });
  return { ...place, protection };
}

function accelerationOf(acceleration: Acceleration): "hardware" | "emulation" {
  return acceleration.usable ? "hardware" : "emulation";
}
