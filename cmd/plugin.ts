import { buildCommand, buildRouteMap } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";

const create = buildCommand<Record<never, never>, [string], CommandLineContext>({
  docs: {
    brief: "write a new plugin, for you to change",
    fullDescription:
      `Writes a plugin that works into .nixbox/plugins/NAME: default.nix (packages, names, shares),
scripts/ (run in the guest) and commands/ (run on this host: nixbox NAME COMMAND). Never overwrites.

EXAMPLES
  nixbox plugin new mine`,
  },
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "its name", placeholder: "name" }],
    },
  },
  func: async function (_flags, name) {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { newPlugin } = await import("../lib/lifecycle/plugins/new_plugin.ts");
    const directory = await newPlugin(host, project, name, this.commandNames);
    if (globals.json) return terminal.printJson({ directory });
    terminal.print(`wrote ${directory}`);
    if (!globals.quiet) {
      terminal.printError(`use it, in .nixbox/config.nix: plugins = [ ./plugins/${name} ];`);
    }
  },
});

export const command = buildRouteMap({
  routes: { new: create },
  docs: {
    brief: "write a new plugin",
    fullDescription: `Writes new plugins. \`nixbox plugins\` lists them.

EXAMPLES
  nixbox plugin new mine`,
  },
});
