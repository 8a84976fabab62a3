import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProjectIfAny } from "./context.ts";

export const command = buildCommand<Record<never, never>, [], CommandLineContext>({
  docs: {
    brief: "list plugins and their commands",
    fullDescription:
      `Lists the plugins that come with nixbox and those that this project uses, with their commands.
A plugin is used by naming it in .nixbox/config.nix: plugins = [ "aws" ./plugins/mine ];

EXAMPLES
  nixbox plugins
  nixbox aws login my-profile     a plugin's command
  nixbox plugin new mine          write a new plugin`,
  },
  parameters: {},
  func: async function () {
    const { terminal, globals } = this;
    const { paint } = terminal;
    const { listPlugins } = await import("../lib/lifecycle/plugins/plugins.ts");
    const plugins = await listPlugins(await configIfAny());
    if (globals.json) return terminal.printJson({ plugins }, 2);
    for (const { name, brief, isInUse, isBuiltIn, path, commands } of plugins) {
      const state = isInUse ? paint.green(" (in use)") : "";
      terminal.print(`${paint.bold(name)}${state}  ${brief}`);
      if (!isBuiltIn) terminal.print(paint.dim(`  ${path}`));
      for (const command of commands) {
        terminal.print(`  nixbox ${name} ${command.name}  ${command.brief}`);
      }
    }

    async function configIfAny() {
      const { host, project } = await hostAndProjectIfAny(globals);
      if (project === undefined) return undefined;
      const { loadAcceptedConfig } = await import("../lib/lifecycle/trust/consent.ts");
      const { withConsent } = await import("./consent.ts");
      return await withConsent(terminal, host, project, () => loadAcceptedConfig(host, project));
    }
  },
});
