import { type MissingPlugin, resolveConfig } from "../../config/evaluate.ts";
import { checkConfig } from "../../config/schema.ts";
import type { Config, Project } from "../../config/config.ts";
import { assetsDirectory } from "../../host/assets.ts";
import { NixboxError } from "../../base/error.ts";
import { exists } from "../../host/files/files.ts";
import { sha256 } from "../../base/hash.ts";
import type { Host } from "../../host/host.ts";
import { isWithin } from "../../base/paths.ts";
import { decisionsOf } from "./decisions.ts";
import { gather, type GatherOptions } from "./gather.ts";
import { contentHash, Gathered } from "./gathered.ts";
import { pathsInWords, runsOnHost } from "./host_words.ts";
import { requireReadableNames } from "./names.ts";
import { hasCommands, isBuiltIn, rootOfPlugin } from "./plugin_files.ts";
import type { Snapshot } from "./snapshot.ts";

/** A project's content as it is now: read once, and resolved from a private copy of what was read. */
export interface Examined {
  readonly config: Config;
  /** The config's mounts, with the optional ones that are not there. */
  readonly mounts: Config["mounts"];
  readonly gathered: Gathered;
  /** What the config comes to: see {@linkcode decisionsOf}. */
  readonly decisions: string;
  /** SHA-256 over all that was gathered and what it comes to, 64 hex digits. */
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
  const take = async (more: Pick<GatherOptions, "roots" | "isStrict" | "words">) => {
    await gather(project, { home, ...more }, gathered);
    await snapshot.write(gathered);
  };
  const options = { files: snapshot.files, ...(signal === undefined ? {} : { signal }) };
  await take({ roots: [], isStrict: false });
  let resolution = await resolveConfig(host, project, options);
  if (resolution.missing.length > 0) {
    const plugins: string[] = [];
    for (const plugin of resolution.missing) {
      plugins.push(await findPlugin(plugin, resolution.builtInNames));
    }
    await take({ roots: plugins, isStrict: false });
    resolution = await resolveConfig(host, project, options);
    const [still] = resolution.missing;
    if (still !== undefined) throw notReadable(still);
  }
  const config = checkConfig(resolution.resolved, project.configFile);
  await requireStorePaths(config, project);
  await take(await moreOf(host, project, config));
  const decisions = await decisionsOf(config, project);
  return {
    config: { ...config, mounts: await presentMounts(config) },
    mounts: config.mounts,
    gathered,
    decisions,
    hash: await sha256(JSON.stringify([await contentHash(gathered), decisions])),
  };
}

/** What counts because of what the config comes to. */
async function moreOf(
  host: Host,
  project: Project,
  config: Config,
): Promise<Pick<GatherOptions, "roots" | "isStrict" | "words">> {
  const assets = await assetsDirectory();
  const foreign = config.plugins.filter(({ path }) => !isBuiltIn(path, assets))
    .map(({ path }) => rootOfPlugin(path));
  const modules = config.nix.modules.filter((path) => !isWithin(path, assets));
  const isStrict = runsOnHost(config) || await hasCommands(foreign);
  const words = await pathsInWords(config, { project, home: host.user.home });
  if (isStrict) await requireReadableNames([project.configDirectory, ...foreign]);
  return { roots: [...foreign, ...modules], isStrict, words };
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

function notReadable({ name }: MissingPlugin): NixboxError {
  return new NixboxError(`plugin "${name}" leads to something that is not a plugin's`, {
    where: "plugins",
    hint: "a plugin is a .nix file, or a directory with default.nix; a link must lead to one",
  });
}

/** What the config interpolates (`"${./x}"`) would have to be in the store, and nothing is put there. */
async function requireStorePaths(config: Config, project: Project): Promise<void> {
  const { hooks, env, scripts } = config;
  const text = JSON.stringify([hooks, env, scripts]);
  for (const path of new Set(text.match(/\/nix\/store\/[0-9a-z]{32}-[\w+.?=-]+/g))) {
    if (await exists(path)) continue;
    throw new NixboxError(
      `the config names ${path}, and nothing of a config is put into the store`,
      {
        where: project.configFile,
        hint:
          'name a file by its path, as text: "./x" counts from .nixbox, in hooks and commands too',
      },
    );
  }
}

/** Mounts that are optional and whose source is not there are left out. */
async function presentMounts({ mounts }: Config): Promise<Config["mounts"]> {
  const present: Config["mounts"][number][] = [];
  for (const mount of mounts) {
    if (!mount.optional || await exists(mount.source)) present.push(mount);
  }
  return present;
}
