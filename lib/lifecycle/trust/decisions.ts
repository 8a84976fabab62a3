import type { Config, Project } from "../../config/config.ts";
import { isWithin, pathBelow } from "../../base/paths.ts";

/**
 * What a config comes to on this host, as far as it decides what is done here, as one text: a content
 * can come to something else at another time or in another place, and that is asked for again. Paths in
 * the project count from there, all others by where they really are. Name, size and the guest's user are
 * the host's or harmless, and may differ.
 *
 * @param config With the optional mounts that are not there, too.
 */
export async function decisionsOf(
  config: Config,
  project: Pick<Project, "directory">,
): Promise<string> {
  const placed = async (path: string) => {
    const real = await Deno.realPath(path).catch(() => path);
    return isWithin(real, project.directory)
      ? `${here}${pathBelow(real, project.directory)}`
      : real;
  };
  const { hypervisor, rosetta, network, nix, hooks } = config;
  const decisions = {
    hypervisor,
    rosetta,
    network,
    hooks,
    nix: { ...nix, modules: await Promise.all(nix.modules.map(placed)) },
    mounts: await Promise.all(
      config.mounts.map(async (mount) => ({ ...mount, source: await placed(mount.source) })),
    ),
    scripts: await Promise.all(
      config.scripts.map(async (script) => ({ ...script, path: await placed(script.path) })),
    ),
    plugins: await Promise.all(config.plugins.map(({ path }) => placed(path))),
    env: await Promise.all(
      Object.entries(config.env).map(async ([name, value]) => [
        name,
        typeof value === "object" && "file" in value ? { file: await placed(value.file) } : value,
      ]),
    ),
  };
  return JSON.stringify(decisions).replaceAll(JSON.stringify(project.directory).slice(1, -1), here);
}

/** Stands for the project's directory; no string of Nix can have it. */
const here = "\\u0000";
