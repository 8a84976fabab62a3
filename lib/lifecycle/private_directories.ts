import type { Project } from "../config/types.ts";
import type { Host } from "../host/host.ts";
import { exists } from "../host/files.ts";
import { joinPath, nameOf, parentOf } from "../host/paths.ts";

/**
 * What no guest may see, wherever a share would show it: the project's `.nixbox`, and the
 * directories where nixbox keeps records (whose hooks the host runs), sockets and unpacked code.
 * Real paths, whether they are there yet or not.
 */
export async function privateDirectories(
  host: Pick<Host, "paths">,
  project: Pick<Project, "configDirectory">,
): Promise<readonly string[]> {
  const { state, cache, runtime, secrets } = host.paths;
  const own = await Promise.all([state, cache, runtime, secrets].map(realPathOfAny));
  return [...new Set([project.configDirectory, ...own])];
}

/** The real path of what may not be there yet: that of what is there of it, and the rest. */
async function realPathOfAny(path: string): Promise<string> {
  if (path === "/") return "/";
  if (await exists(path)) return await Deno.realPath(path);
  return joinPath(await realPathOfAny(parentOf(path)), nameOf(path));
}
