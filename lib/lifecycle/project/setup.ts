import type { Project } from "../../config/config.ts";
import type { Host } from "../../host/host.ts";
import { nameOf } from "../../base/paths.ts";
import { projectKeys } from "../../guest/keys.ts";
import { noteProject } from "../../state/projects.ts";
import { requireHidden } from "../protection/private_directories.ts";
import { lockProject, readRecord } from "../../state/store.ts";
import { migrate, type Migration } from "./migrate.ts";
import { ensureOwnKeys, requireUntrackedKeys, rotateOwnKeys } from "../trust/keys.ts";

/** What `setup` did. */
export interface SetupResult {
  /** Whether keys were made. */
  readonly madeKeys: boolean;
  /** One line of OpenSSH's format: the guest's own identity. */
  readonly guestPublicKey: string;
  /** A machine is up that has the keys from before. */
  readonly isMachineUp: boolean;
  /** What became of a project of the earlier nixbox; absent if this was not one. */
  readonly migration?: Migration;
}

/**
 * Makes the project's keys and directories where they are missing; with `rotate`, new keys. Migrates a
 * project of the earlier nixbox first.
 */
export async function setUp(
  host: Host,
  project: Project,
  options: { readonly rotate?: boolean } = {},
): Promise<SetupResult> {
  const name = nameOf(project.directory);
  const lock = await lockProject(host, project.id, { timeoutMs: 15_000 });
  try {
    await noteProject(host, project);
    await requireHidden(host, project);
    const migration = await migrate(host, project);
    if (options.rotate !== true) await requireUntrackedKeys(host, project);
    const madeKeys = options.rotate === true
      ? await rotateOwnKeys(host, project, name).then(() => true)
      : await ensureOwnKeys(host, project, name);
    const { identity } = projectKeys(project.configDirectory);
    return {
      madeKeys,
      guestPublicKey: (await Deno.readTextFile(identity.publicFile)).trim(),
      isMachineUp: await readRecord(host, project.id) !== undefined,
      ...(migration === undefined ? {} : { migration }),
    };
  } finally {
    lock.release();
  }
}
