import { type MissingPlugin, resolveConfig } from "../../config/evaluate.ts";
import { checkConfig } from "../../config/schema.ts";
import type { Config, Project } from "../../config/types.ts";
import { assetsDirectory } from "../../host/assets.ts";
import { NixboxError } from "../../host/error.ts";
import { exists } from "../../host/files.ts";
import type { Host } from "../../host/host.ts";
import { isWithin } from "../../host/paths.ts";
import { gather, type GatherOptions } from "./gather.ts";
import { contentHash, Gathered } from "./gathered.ts";
import { filesInWords, runsOnHost } from "./host_words.ts";
import { hasCommands, isBuiltIn, rootOfPlugin } from "./plugin_files.ts";
import type { Snapshot } from "./snapshot.ts";

/** A project's content as it is now: read once, and resolved from a private copy of what was read. */
export interface Examined {
  readonly config: Config;
  readonly gathered: Gathered;
  /** SHA-256 over all that was gathered, 64 hex digits. */
  readonly hash: string;
}

/**
 * Reads a project's content and resolves its config. None of it is run: Nix sees the copy alone, has no
 * network, builds nothing and writes nothing.
 *
 * @param snapshot Gets the copy; the caller's, who disposes of it.
 * @throws {NixboxError} as the config is wrong, or something that it leads to cannot be read.
 */
export async function examine(
  host: Host,
  project: Project,
  snapshot: Snapshot,
  signal?: AbortSignal,
): Promise<Examined> {
  const gathered = new Gathered(project.directory);
  const { home } = host.user;
  const plugins: string[] = [];
  const take = async (more: Pick<GatherOptions, "roots" | "isStrict">) => {
    await gather(project, { home, ...more }, gathered);
    await snapshot.write(gathered);
  };
  await take({ roots: [], isStrict: false });
  const options = {
    files: snapshot.files,
    ...(signal === undefined ? {} : { signal }),
  };
  let resolution = await resolveConfig(host, project, options);
  if (resolution.missing.length > 0) {
    for (const plugin of resolution.missing) {
      plugins.push(await findPlugin(plugin, resolution.builtInNames));
    }
    await take({ roots: plugins, isStrict: false });
    resolution = await resolveConfig(host, project, options);
  }
  const checked = checkConfig(resolution.resolved, project.configFile);
  const config = { ...checked, mounts: await presentMounts(checked) };
  const assets = await assetsDirectory();
  const foreign = config.plugins.filter(({ path }) => !isBuiltIn(path, assets))
    .map(({ path }) => rootOfPlugin(path));
  const words = await filesInWords(config, { project, home });
  const isStrict = runsOnHost(config) || await hasCommands(foreign);
  const modules = config.nix.modules.filter((path) => !isWithin(path, assets));
  await take({ roots: [...foreign, ...modules, ...words], isStrict });
  return { config, gathered, hash: await contentHash(gathered) };
}

/** Where a plugin is that the config names by text. */
async function findPlugin(
  { name, path }: MissingPlugin,
  builtInNames: readonly string[],
): Promise<string> {
  if (path !== null) {
    if (await exists(`${path}/default.nix`)) return path;
    const files = [`${path}.nix`, ...path.endsWith(".nix") ? [path] : []];
    for (const file of files) if (await exists(file)) return file;
  }
  throw new NixboxError(
    `plugin "${name}": there is no such plugin; built in are: ${builtInNames.join(", ")}; ` +
      "others are named by their path",
    { where: "plugins", hint: "fix the name, or the path: it counts from the config file" },
  );
}

/** Mounts that are optional and whose source is not there are left out. */
async function presentMounts({ mounts }: Config): Promise<Config["mounts"]> {
  const present: Config["mounts"][number][] = [];
  for (const mount of mounts) {
    if (!mount.optional || await exists(mount.source)) present.push(mount);
  }
  return present;
}
