import type { Project } from "../../config/config.ts";
import { assetsDirectory } from "../../host/assets.ts";
import { makeCommand } from "../../host/process/command.ts";
import { NixboxError } from "../../base/error.ts";
import { checkPrivateDirectory } from "../../host/files/private_directory.ts";
import type { Host } from "../../host/host.ts";
import { installHint } from "../../host/tools.ts";
import { hookEnvironment } from "../machine/hooks.ts";
import { machineState } from "../machine/machine.ts";
import { type PluginInfo, requireCommand, requireExecutable } from "./plugins.ts";
import { readRecord } from "../../state/store.ts";
import type { AcceptedConfig } from "../trust/consent.ts";

/**
 * Runs a plugin's command on this host, with this process's stdin, stdout and stderr, in `.nixbox`: from
 * the copy of the plugin that was accepted. It gets what hooks get in its environment, and where the
 * caller stands; a TypeScript command may also `import ... from "nixbox"`.
 *
 * @returns Its exit code.
 * @throws {NixboxError} if there is no such command, or it cannot be run.
 */
export async function runPluginCommand(
  host: Host,
  project: Project,
  { config, snapshot }: AcceptedConfig,
  plugin: PluginInfo,
  words: readonly string[],
): Promise<number> {
  const [name = "", ...args] = words;
  const command = requireCommand(plugin, name);
  const root = plugin.isBuiltIn ? plugin.path : `${snapshot.files}${plugin.path}`;
  const file = `${root}${command.file.slice(plugin.path.length)}`;
  await requireExecutable(file, command.file);
  const child = makeCommand(await commandArgv(host, file, args), {
    cwd: project.configDirectory,
    env: {
      ...await environment(host, project, config.name),
      NIXBOX_PLUGIN: root,
      NIXBOX_DIRECTORY: Deno.cwd(),
    },
    stdin: "inherit",
    stdout: "inherit",
    stderr: "inherit",
  }).spawn();
  return (await child.status).code;
}

/** A module is run by the deno that runs nixbox, or by the one on PATH. */
async function commandArgv(
  host: Host,
  file: string,
  args: readonly string[],
): Promise<readonly string[]> {
  if (!file.endsWith(".ts")) return [file, ...args];
  const own = Deno.execPath();
  const deno = /\/deno[^/]*$/.test(own) ? own : await host.which("deno");
  if (deno === undefined) {
    throw new NixboxError(`${file} needs deno, which is not installed`, {
      hint: await installHint(["deno"]),
    });
  }
  const settings = `--config=${await assetsDirectory()}/deno.json`;
  const options = ["--quiet", "--no-prompt", "--no-lock", "--allow-all", settings];
  return [deno, "run", ...options, file, ...args];
}

async function environment(
  host: Host,
  project: Project,
  name: string,
): Promise<Record<string, string>> {
  const subject = { name, project: project.directory };
  const record = await readRecord(host, project.id);
  if (record === undefined || await machineState(host, record) !== "running") {
    return hookEnvironment(undefined, subject);
  }
  const { network, runtimeDirectory } = record;
  await checkPrivateDirectory(runtimeDirectory, host.user.uid);
  const address = network.kind === "tap" ? { address: network.address } : {};
  return hookEnvironment(undefined, { ...subject, ...address, runtimeDirectory });
}
