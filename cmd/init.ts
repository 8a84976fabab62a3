import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostOnly } from "./context.ts";

export const command = buildCommand<Record<never, never>, [], CommandLineContext>({
  docs: {
    brief: "write an example config into this directory",
    fullDescription:
      `Writes .nixbox/config.nix, a commented example, and .nixbox/.gitignore. Refuses to
overwrite a config that is there.

EXAMPLES
  nixbox init
  nixbox init --project ~/work/app`,
  },
  parameters: {},
  func: async function () {
    const { globals, terminal } = this;
    const { initProject } = await import("../lib/lifecycle/project/init.ts");
    const files = await initProject(await hostOnly(), globals.project ?? Deno.cwd());
    if (globals.json) return terminal.printJson({ files });
    if (globals.quiet) return;
    for (const file of files) terminal.print(`wrote ${file}`);
    terminal.print("next: nixbox up");
  },
});
