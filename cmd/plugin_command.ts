import { hostOnly } from "./context.ts";
import type { Globals } from "./globals.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

/**
 * Runs `nixbox PLUGIN COMMAND ARGS`.
 *
 * @returns Its exit code; `undefined` if the first word names no plugin of this project and none that
 * is built in, so that it is a mistyped command.
 */
export async function tryPlugin(
  terminal: Terminal,
  globals: Globals,
  [name = "", ...words]: readonly string[],
): Promise<number | undefined> {
  if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(name)) return undefined;
  const { findProjectIfAny, projectAt } = await import("../lib/config/find.ts");
  const { isBuiltInPlugin, listPlugins } = await import("../lib/lifecycle/plugins/plugins.ts");
  const host = await hostOnly();
  const project = globals.project === undefined
    ? await findProjectIfAny(host, Deno.cwd())
    : await projectAt(host, globals.project);
  if (project === undefined) return undefined;
  const { keepFromGuests } = await import("../lib/lifecycle/protection/programs_of_guests.ts");
  await keepFromGuests(host, [project.directory]);
  const isNamed = (await Deno.readTextFile(project.configFile)).includes(name);
  if (!isNamed && !await isBuiltInPlugin(name)) return undefined;
  const { openAcceptedConfig } = await import("../lib/lifecycle/trust/consent.ts");
  const { withConsent } = await import("./consent.ts");
  await using accepted = await withConsent(
    terminal,
    host,
    project,
    () => openAcceptedConfig(host, project),
  );
  const plugins = await listPlugins(accepted.config);
  const plugin = plugins.find((one) => one.name === name && one.isInUse) ??
    plugins.find((one) => one.name === name);
  if (plugin === undefined) return undefined;
  const isHelp = words.length === 0 || (words.length === 1 && /^(-h|--help)$/.test(words[0] ?? ""));
  if (isHelp) {
    terminal.print(plugin.brief);
    if (!plugin.isInUse) terminal.print(`not in use: plugins = [ "${name}" ];`);
    const rows = plugin.commands.map((
      command,
    ) => [`  nixbox ${name} ${command.name}`, command.brief]);
    for (const line of table(rows)) terminal.print(line);
    return 0;
  }
  const { runPluginCommand } = await import("../lib/lifecycle/plugins/run_plugin.ts");
  return await runPluginCommand(host, project, accepted, plugin, words);
}
