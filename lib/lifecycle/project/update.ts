import type { Project } from "../../config/config.ts";
import type { Host } from "../../host/host.ts";
import { type Emit, tellStep } from "../../base/progress.ts";
import { type Updated, updateLock } from "../../build/update_lock.ts";
import { chooseHypervisor } from "../../hypervisor/choose.ts";
import { lockProject, readRecord } from "../../state/store.ts";
import { acceptLock, buildInUse, stageInput } from "./build.ts";
import { machineState } from "../machine/machine.ts";
import { buildDirectory, noteStateVersion } from "./state_version.ts";
import { readConfig } from "../trust/read_config.ts";

/** What `update` did. */
export interface UpdateResult extends Updated {
  /** A machine is up that has the build from before. */
  readonly isMachineOlder: boolean;
}

const step = "renew the inputs and build";

/** Renews the project's flake.lock and builds with it. A machine that is up stays as it is. */
export async function updateProject(
  host: Host,
  project: Project,
  options: { readonly inputs: readonly string[]; readonly signal: AbortSignal },
  emit: Emit,
): Promise<UpdateResult> {
  await using accepted = await readConfig(host, project, options.signal, emit);
  const { hypervisor } = chooseHypervisor(accepted.config.hypervisor, {
    os: host.os,
    acceleration: await host.acceleration(),
  });
  const { signal, inputs } = options;
  const lock = await lockProject(host, project.id, { timeoutMs: 600_000, signal, emit });
  try {
    const input = await stageInput(
      host,
      project,
      accepted,
      hypervisor,
      await noteStateVersion(host, project),
    );
    const build = { force: true, signal, step, inUse: await buildInUse(host, project) };
    const directory = buildDirectory(host, project);
    const { lock: text, ...updated } = await tellStep(
      emit,
      step,
      () => updateLock(host, project, directory, input, inputs, build, emit),
    );
    if (text !== undefined) await acceptLock(host, project, accepted, text);
    const record = await readRecord(host, project.id);
    const isUp = record !== undefined && await machineState(host, record) === "running";
    const isMachineOlder = isUp && updated.built !== undefined &&
      record.build !== updated.built.hash;
    return { ...updated, isMachineOlder };
  } finally {
    lock.release();
  }
}
