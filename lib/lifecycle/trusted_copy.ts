import type { Project } from "../config/types.ts";
import { NixboxError } from "../host/error.ts";
import { prepareRuntimeDirectories } from "../host/runtime_directory.ts";
import type { Host } from "../host/host.ts";
import { isWithin, parentOf } from "../host/paths.ts";
import { allExposures, covers, isAsSeen, openExposures, readTrust } from "../state/trust.ts";
import { filesFrom } from "./watched_files.ts";

/**
 * What is run of a directory that a running machine can write to: a copy, each file of which is as
 * the user has seen it. The caller removes it.
 *
 * @returns `undefined` where no machine can write: the directory itself may be run.
 * @throws {NixboxError} if a file has changed.
 */
export async function trustedCopy(
  host: Host,
  project: Project,
  directory: string,
): Promise<string | undefined> {
  const state = await readTrust(host, project.id, project.directory);
  const open = openExposures(await allExposures(host, project.id, state));
  const real = await Deno.realPath(directory);
  if (!open.some((exposure) => covers(exposure, real, () => true))) return undefined;
  const { runtime } = host.paths;
  await prepareRuntimeDirectories(host);
  const copy = await Deno.makeTempDir({ dir: runtime, prefix: "plugin-" });
  for (const file of await filesFrom([directory], host.user.home)) {
    if (!isWithin(file.path, directory)) continue;
    if (!isAsSeen(file, state)) {
      await Deno.remove(copy, { recursive: true });
      throw new NixboxError(`${file.path} may have been written by a machine`, {
        where: "trust",
        hint: "see what changed, and accept it: `nixbox trust`",
      });
    }
    const to = `${copy}${file.path.slice(directory.length)}`;
    await Deno.mkdir(parentOf(to), { recursive: true });
    await Deno.writeFile(to, file.content, { mode: file.mode });
  }
  return copy;
}
