import type { Project } from "../config/types.ts";
import type { Host } from "../host/host.ts";
import { ensureKeys, projectKeys } from "../guest/keys.ts";
import { prepareState } from "../state/store.ts";

export interface SetupResult {
  readonly madeKeys: boolean;
  /** One line of OpenSSH's format: the guest's own identity. */
  readonly guestPublicKey: string;
}

/** Makes the project's keys and directories where they are missing. */
export async function setUp(host: Host, project: Project): Promise<SetupResult> {
  await prepareState(host, project.id);
  const name = project.directory.slice(project.directory.lastIndexOf("/") + 1);
  const madeKeys = await ensureKeys(host, project.configDirectory, name);
  const { identity } = projectKeys(project.configDirectory);
  return { madeKeys, guestPublicKey: (await Deno.readTextFile(identity.publicFile)).trim() };
}
