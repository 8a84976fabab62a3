import type { Config, Project } from "../config/types.ts";
import { loadConfig, pluginFiles } from "../config/evaluate.ts";
import { NixboxError } from "../host/error.ts";
import type { Host } from "../host/host.ts";
import { isWithin } from "../host/paths.ts";
import { requireNoWayOut } from "../host/way_out.ts";
import {
  allExposures,
  coversFile,
  type Exposure,
  isSuspect,
  openExposures,
  readTrust,
  seenText,
  type TrustState,
  type WatchedFile,
  writeTrust,
} from "../state/trust.ts";
import { lockProject } from "../state/store.ts";
import { requireTakenOver } from "./earlier_tool.ts";
import { intactMasks } from "./exposure.ts";
import { watchedFiles } from "./watched_files.ts";

/** A file that a guest may have changed since the user saw it. */
export interface SuspectFile {
  readonly path: string;
  /** As it was seen; `undefined` for one that never was. */
  readonly before: string | undefined;
  /** As it is. */
  readonly after: string;
}

/**
 * The project's config, evaluated only if no guest can have written what is evaluated: a config runs
 * code on this host.
 *
 * @throws {NixboxError} that names the files which `nixbox trust` shows; or as the config is wrong.
 */
export async function loadTrustedConfig(host: Host, project: Project): Promise<Config> {
  return (await loadExamined(host, project)).config;
}

/** A config, and the files that it was made of as they were looked at. */
export interface ExaminedConfig {
  readonly config: Config;
  readonly files: readonly WatchedFile[];
}

/**
 * As {@linkcode loadTrustedConfig}, for what is then run: refused too while another machine could
 * change a file between the look at it and its evaluation.
 */
export async function loadConfigToRun(host: Host, project: Project): Promise<ExaminedConfig> {
  const { config, exposures, ...loaded } = await loadExamined(host, project);
  const files = loaded.files ??
    await watchedFiles(project.configDirectory, rootsOf(config), host.user.home);
  const open = openExposures(exposures);
  const isIntact = await intactMasks(open);
  const file = files.find((one) => open.some((exposure) => coversFile(exposure, one, isIntact)));
  if (file === undefined) return { config, files };
  throw new NixboxError(`a machine that is up can write to ${file.path}`, {
    where: "trust",
    hint: "take that machine down first (`nixbox status` lists them)",
  });
}

interface Loaded {
  readonly config: Config;
  readonly exposures: readonly Exposure[];
  /** `undefined` where no machine ever was, and so no file had to be looked at. */
  readonly files: readonly WatchedFile[] | undefined;
}

async function loadExamined(host: Host, project: Project): Promise<Loaded> {
  await requireTakenOver(project);
  const { exposures, suspects } = await examineTrust(host, project);
  if (suspects.length > 0) throw notTrusted(suspects);
  const config = await loadConfig(host, project);
  if (exposures.length === 0) return { config, exposures, files: undefined };
  const more = await examineTrust(host, project, rootsOf(config));
  if (more.suspects.length > 0) throw notTrusted(more.suspects);
  await requireNoLinks(config, exposures);
  return { config, exposures, files: more.files };
}

interface Examined {
  readonly state: TrustState;
  readonly exposures: readonly Exposure[];
  readonly files: readonly WatchedFile[];
  readonly suspects: readonly WatchedFile[];
}

async function examineTrust(
  host: Host,
  project: Project,
  roots: readonly string[] = [],
): Promise<Examined> {
  const state = await readTrust(host, project.id, project.directory);
  const exposures = await allExposures(host, project.id, state);
  if (exposures.length === 0) return { state, exposures, files: [], suspects: [] };
  const first = await suspectsIn(host, project, state, exposures, [...state.roots, ...roots]);
  if (first.suspects.length > 0 || roots.length > 0) return { state, exposures, ...first };
  // Plugins that the config names by text, which only Nix can tell: found before they are evaluated.
  const plugins = await pluginRoots(host, project);
  if (plugins.every((plugin) => state.roots.includes(plugin))) {
    return { state, exposures, ...first };
  }
  const found = await suspectsIn(host, project, state, exposures, [...state.roots, ...plugins]);
  return { state, exposures, ...found };
}

async function suspectsIn(
  host: Host,
  project: Project,
  state: TrustState,
  exposures: readonly Exposure[],
  roots: readonly string[],
) {
  const files = await watchedFiles(project.configDirectory, roots, host.user.home);
  const isIntact = await intactMasks(exposures);
  const suspects = files.filter((file) =>
    isSuspect(file, state, project.configDirectory, exposures, isIntact)
  );
  return { files, suspects };
}

async function pluginRoots(host: Host, project: Project): Promise<readonly string[]> {
  if (!/\bplugins\b/.test(await Deno.readTextFile(project.configFile))) return [];
  return (await pluginFiles(host, project)).map(rootOfPlugin);
}

/** What is evaluated or run outside of `.nixbox` because the config says so. */
function rootsOf(config: Config): readonly string[] {
  return [...config.plugins.map(({ path }) => rootOfPlugin(path)), ...config.nix.modules];
}

/** All of a plugin's directory, or its one file. */
export function rootOfPlugin(path: string): string {
  return path.endsWith("/default.nix") ? path.slice(0, -"/default.nix".length) : path;
}

function notTrusted(suspects: readonly WatchedFile[]): NixboxError {
  return new NixboxError(
    `${suspects[0]?.path} may have been written by a machine, and this host would run what it says`,
    {
      where: "trust",
      hint: "see what changed, and accept it: `nixbox trust`",
      log: suspects.slice(1).map(({ path }) => `so may ${path}`),
    },
  );
}

/**
 * Shares, scripts and secrets are handed to the guest, so it may change them; but a link in their
 * place must not lead to what it cannot see anyway.
 */
async function requireNoLinks(config: Config, exposures: readonly Exposure[]): Promise<void> {
  const roots = exposures.map(({ source }) => source);
  const files = [
    ...config.mounts.map(({ source }) => source),
    ...config.scripts.map(({ path }) => path),
    ...Object.values(config.env).flatMap((value) =>
      typeof value === "object" && "file" in value ? [value.file] : []
    ),
  ];
  for (const path of files) await requireNoWayOut(path, roots);
}

/** Notes that the user has seen what a config comes to, while no machine of the project can write. */
export async function noteSeen(
  host: Host,
  project: Project,
  { config, files }: ExaminedConfig,
): Promise<void> {
  const state = await readTrust(host, project.id, project.directory);
  const noted = { ...state, ...seen(files), roots: rootsOf(config), trustedAt: Date.now() };
  await writeTrust(host, project.id, noted);
}

function seen(files: readonly WatchedFile[]): Pick<TrustState, "files"> {
  return { files: files.map(({ path, realPath, hash }) => ({ path, realPath, hash })) };
}

/** What a guest may have changed, to be shown; and how to accept exactly that. */
export async function suspectFiles(
  host: Host,
  project: Project,
): Promise<{ suspects: readonly SuspectFile[]; accept: () => Promise<void> }> {
  const lookedAt = Date.now();
  const { state, files, suspects } = await examineTrust(host, project);
  const shown = await Promise.all(suspects.map(async ({ path, content }) => ({
    path,
    before: await seenText(host, project.id, state, path),
    after: new TextDecoder().decode(content),
  })));
  // What was shown is what is accepted, whatever has been written meanwhile, machines started or
  // ended: all else is as it is known by then.
  const accept = async () => {
    const lock = await lockProject(host, project.id, { timeoutMs: 60_000 });
    try {
      const now = await readTrust(host, project.id, project.directory);
      const roots = [...new Set([...now.roots, ...outsideOf(project, files)])];
      const accepted = { ...now, ...seen(files), roots, trustedAt: lookedAt };
      await writeTrust(host, project.id, accepted, suspects.map(({ content }) => content));
    } finally {
      lock.release();
    }
  };
  return { suspects: shown, accept };
}

function outsideOf(project: Project, files: readonly WatchedFile[]): readonly string[] {
  return files.map(({ path }) => path)
    .filter((path) => !isWithin(path, project.configDirectory));
}
