import type { Project } from "../../config/config.ts";
import { findLastBuild } from "../../build/build_runner.ts";
import { stateVersionOf } from "../../build/state_version.ts";
import type { Host } from "../../host/host.ts";
import { hasDisk, readStateVersion, writeStateVersion } from "../../state/kept.ts";
import { statePaths } from "../../state/store.ts";

/** The directory of a project's stage and builds. */
export function buildDirectory(host: Host, { id }: Pick<Project, "id">): string {
  return `${statePaths(host, id).directory}/build`;
}

/**
 * The release of NixOS that the machine's disk is of; `undefined` where there is no disk, or it cannot
 * be told. A disk from before that was noted is of the release that the project was last built with.
 */
export async function versionOfDisk(
  host: Host,
  project: Pick<Project, "id">,
): Promise<string | undefined> {
  if (!hasDisk(host, project.id)) return undefined;
  const noted = await readStateVersion(host, project.id);
  if (noted !== undefined) return noted;
  const last = await findLastBuild(buildDirectory(host, project));
  return last === undefined ? undefined : await stateVersionOf(last.runnerDirectory);
}

/**
 * Notes which release the disk is of, before something changes that would tell: a build, or a
 * hypervisor that makes a disk. What is noted of a disk that is there stays.
 *
 * @param ofRunner Of what will make the disk, if there is none.
 * @returns What is noted now. The caller holds the project's lock.
 */
export async function noteStateVersion(
  host: Host,
  project: Pick<Project, "id">,
  ofRunner?: string,
): Promise<string | undefined> {
  const version = await versionOfDisk(host, project) ?? ofRunner;
  await writeStateVersion(host, project.id, version);
  return version;
}
