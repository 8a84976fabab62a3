import { assetsDirectory } from "../../host/assets.ts";
import { nearest } from "../../config/nearest.ts";
import type { Config } from "../../config/config.ts";
import { NixboxError } from "../../base/error.ts";
import { readTextIfExists } from "../../host/files/files.ts";
import { nameOf } from "../../base/paths.ts";
import { printableCommand } from "../../host/process/run.ts";
import { rootOfPlugin } from "../trust/plugin_files.ts";

/** A command that a plugin brings: an executable, or a TypeScript module that Deno runs. */
export interface PluginCommand {
  readonly name: string;
  /** Full path of its file. */
  readonly file: string;
  /** The first comment of its file. */
  readonly brief: string;
}

/** A plugin as `nixbox plugins` lists it. */
export interface PluginInfo {
  readonly name: string;
  /** Its directory, or its one file. */
  readonly path: string;
  readonly isBuiltIn: boolean;
  /** Whether the project's config names it. */
  readonly isInUse: boolean;
  /** The first comment of its Nix file. */
  readonly brief: string;
  readonly commands: readonly PluginCommand[];
}

/** What is built in, and what else a config uses; by name. */
export async function listPlugins(config: Config | undefined): Promise<readonly PluginInfo[]> {
  const used = config?.plugins ?? [];
  const builtIn = await builtInPlugins();
  const infos = [
    ...builtIn.map((path) => describe(path, true, used.some((one) => one.path === path))),
    ...used.filter(({ path }) => !builtIn.includes(path)).map(({ path }) =>
      describe(path, false, true)
    ),
  ];
  return (await Promise.all(infos)).toSorted((a, b) => a.name < b.name ? -1 : 1);
}

/** The Nix files of the plugins that come with nixbox. */
async function builtInPlugins(): Promise<readonly string[]> {
  const directory = `${await assetsDirectory()}/nix/plugins`;
  const entries = await Array.fromAsync(Deno.readDir(directory));
  return entries.map(({ name, isDirectory }) =>
    isDirectory ? `${directory}/${name}/default.nix` : `${directory}/${name}`
  ).sort();
}

/** Whether a plugin of this name comes with nixbox. */
export async function isBuiltInPlugin(name: string): Promise<boolean> {
  return (await builtInPlugins()).some((path) => nameOfPlugin(path) === name);
}

function nameOfPlugin(path: string): string {
  return nameOf(rootOfPlugin(path)).replace(/\.nix$/, "");
}

async function describe(
  path: string,
  isBuiltIn: boolean,
  isInUse: boolean,
): Promise<PluginInfo> {
  const root = rootOfPlugin(path);
  return {
    name: nameOfPlugin(path),
    path: root,
    isBuiltIn,
    isInUse,
    brief: firstComment(await readTextIfExists(path) ?? ""),
    commands: root === path ? [] : await commandsIn(`${root}/commands`),
  };
}

async function commandsIn(directory: string): Promise<readonly PluginCommand[]> {
  const commands: PluginCommand[] = [];
  try {
    for await (const { name, isFile } of Deno.readDir(directory)) {
      if (!isFile || !/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(name)) continue;
      const file = `${directory}/${name}`;
      const brief = firstComment(await readStart(file));
      commands.push({ name: name.replace(/\.ts$/, ""), file, brief });
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return commands.toSorted((a, b) => a.name < b.name ? -1 : 1);
}

async function readStart(file: string): Promise<string> {
  using handle = await Deno.open(file);
  const bytes = new Uint8Array(1024);
  const count = await handle.read(bytes) ?? 0;
  return new TextDecoder().decode(bytes.subarray(0, count));
}

/** The first line of comment that says something: "# ...", "// ..." or "/** ...". */
function firstComment(text: string): string {
  const line = text.split("\n").find((candidate) =>
    /^\s*(#(?!!)|\/\/|\/?\*+)\s*\S/.test(candidate) && !/^\s*\*+\/\s*$/.test(candidate)
  );
  return (line ?? "").replace(/^\s*(#|\/\/|\/?\*+)\s*/, "").replace(/\s*\*\/\s*$/, "").trim();
}

/** @throws {NixboxError} if the config does not use the plugin, or it has no such command. */
export function requireCommand(
  plugin: PluginInfo,
  name: string,
): PluginCommand {
  if (!plugin.isInUse) {
    throw new NixboxError(
      `the plugin ${plugin.name} is built in, and this config does not use it`,
      {
        where: "plugins",
        hint: `add it to .nixbox/config.nix: plugins = [ "${plugin.name}" ];`,
        exitCode: 2,
      },
    );
  }
  const found = plugin.commands.find((command) => command.name === name);
  if (found !== undefined) return found;
  const names = plugin.commands.map((command) => command.name);
  const near = nearest(name, names);
  throw new NixboxError(`the plugin ${plugin.name} has no command ${name}`, {
    hint: near !== undefined
      ? `did you mean \`nixbox ${plugin.name} ${near}\`?`
      : names.length === 0
      ? "it has none"
      : `it has: ${names.join(", ")}`,
    exitCode: 2,
  });
}

/**
 * @param original Where the user has the file that is run.
 * @throws {NixboxError} if the file cannot be run.
 */
export async function requireExecutable(file: string, original: string): Promise<void> {
  const { mode } = await Deno.stat(file);
  if (file.endsWith(".ts") || ((mode ?? 0) & 0o111) !== 0) return;
  throw new NixboxError(`${original} is not executable`, {
    hint: `\`${printableCommand(["chmod", "+x", original])}\`, or make it a .ts file`,
  });
}
