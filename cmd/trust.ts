import { buildCommand } from "@stricli/core";
import { type CommandLineContext, hostAndProject } from "./context.ts";

interface Flags {
  readonly yes: boolean;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "look at what a machine may have changed of the config, and accept it",
    fullDescription:
      `A config, its plugins and what they import run code on this host. Where a machine could write to
them (on Linux .nixbox is hidden from it, but a plugin elsewhere in the workspace is not), a change
stops every command that would run them, until you have seen it here. Shows what changed since you
last saw it, and asks. Ends with 1 if you do not accept it.

EXAMPLES
  nixbox trust
  nixbox trust --yes       accept without a question, for scripts that have looked themselves
  nixbox trust --json      the files, as you saw them and as they are`,
  },
  parameters: {
    flags: {
      yes: {
        kind: "boolean",
        brief: "accept without a question",
        default: false,
        withNegated: false,
      },
    },
  },
  func: async function ({ yes }) {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { suspectFiles } = await import("../lib/lifecycle/trust.ts");
    const { difference } = await import("../lib/lifecycle/difference.ts");
    const { suspects, accept } = await suspectFiles(host, project);
    if (globals.json) terminal.printJson({ files: suspects }, 2);
    if (suspects.length === 0) {
      if (!globals.json) terminal.printError("nothing that a machine may have changed");
      return;
    }
    if (!globals.json) {
      for (const file of suspects) terminal.write(await difference(host, file));
    }
    if (!yes && !Deno.stdin.isTerminal()) {
      terminal.printError(
        "not accepted: there is no terminal to ask on; `nixbox trust --yes` accepts",
      );
      this.exitCode = 1;
      return;
    }
    if (!yes && !confirm("May this host run what these files say?")) {
      terminal.printError("not accepted; nothing was changed");
      this.exitCode = 1;
      return;
    }
    await accept();
    if (!globals.quiet) terminal.printError("accepted");
  },
});
