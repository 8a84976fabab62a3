import type { Project } from "../../config/config.ts";
import type { Host } from "../../host/host.ts";
import { configDirectoryOf } from "../../config/find.ts";
import { exists, lstatIfExists } from "../../host/files/files.ts";
import { knownProjects } from "../../state/projects.ts";
import { isAlive } from "../../host/root/end_process.ts";
import { NixboxError } from "../../base/error.ts";
import { isWithin, joinPath, nameOf, parentOf } from "../../base/paths.ts";
import { listRecords } from "../../state/store.ts";

/**
 * What no guest may see, wherever a share would show it: the project's `.nixbox` and those of others, and the
 * directories where nixbox keeps records (whose hooks the host runs), sockets and unpacked code.
 * Real paths, whether they are there yet or not.
 */
export async function privateDirectories(
  host: Pick<Host, "paths">,
  project: Pick<Project, "configDirectory">,
): Promise<readonly string[]> {
  const { state, cache, runtime, secrets } = host.paths;
  const own = await Promise.all([state, cache, runtime, secrets].map(realPathOfAny));
  const others = await otherProjects(host);
  return [...new Set([project.configDirectory, ...own, ...others])];
}

/**
 * Nothing can be covered in a share that is served already: a project in it gets no keys before that
 * machine has gone, and hides it when it comes again.
 *
 * @throws {NixboxError} if a machine that is up would see the project's `.nixbox`.
 */
export async function requireHidden(
  host: Host,
  project: Pick<Project, "id" | "configDirectory">,
): Promise<void> {
  const { configDirectory } = project;
  for (const record of (await listRecords(host)).records) {
    if (record.id === project.id || record.vmm === undefined) continue;
    const seeing = record.shares.find(({ source, masks }) =>
      isWithin(configDirectory, source) && !masks.some((mask) => isWithin(configDirectory, mask))
    );
    if (seeing === undefined || !await isAlive(host, record.vmm)) continue;
    throw new NixboxError(`the machine ${record.name} sees ${configDirectory}, keys and all`, {
      where: seeing.source,
      hint: `stop it: \`nixbox --project ${record.project} down\`; when it is up again, it ` +
        "sees nothing of this project's .nixbox",
    });
  }
}

/** Real paths of all projects that this user has used, this one first. */
export async function projectsFirst(
  host: Pick<Host, "paths">,
  project: Pick<Project, "directory">,
): Promise<readonly string[]> {
  const known = (await knownProjects(host)).map(({ directory }) => directory);
  return [...new Set([project.directory, ...known])];
}

/** The `.nixbox` of every other project that this user has used, as far as it is still there. */
async function otherProjects(host: Pick<Host, "paths">): Promise<readonly string[]> {
  const paths = (await knownProjects(host)).map(({ directory }) => configDirectoryOf(directory));
  const found = await Promise.all(paths.map(async (path) => {
    const info = await lstatIfExists(path).catch(() => undefined);
    // A symlink is not a project's: what it leads to is known by its own path.
    return info?.isDirectory && await Deno.realPath(path) === path ? [path] : [];
  }));
  return found.flat();
}

/** The real path of what may not be there yet: that of what is there of it, and the rest. */
async function realPathOfAny(path: string): Promise<string> {
  if (path === "/") return "/";
  if (await exists(path)) return await Deno.realPath(path);
  return joinPath(await realPathOfAny(parentOf(path)), nameOf(path));
}
