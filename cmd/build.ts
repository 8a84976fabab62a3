import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject, stopSignal } from "./context.ts";
import { follow } from "./progress.ts";

interface Flags {
  readonly force: boolean;
  readonly print: boolean;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "build the machine without starting it",
    fullDescription:
      `Builds the machine's runner with Nix, unless nothing that it depends on has changed.

EXAMPLES
  nixbox build
  nixbox build -f              build even if nothing has changed
  nixbox build --print         show what the runner starts, as JSON`,
  },
  parameters: {
    flags: {
      force: {
        kind: "boolean",
        brief: "build even if nothing has changed",
        default: false,
        withNegated: false,
      },
      print: {
        kind: "boolean",
        brief: "print the parsed runner",
        default: false,
        withNegated: false,
      },
    },
    aliases: { f: "force" },
  },
  func: async function (flags) {
    const { globals, terminal } = this;
    const { host, project } = await hostAndProject(globals);
    const { buildProject } = await import("../lib/lifecycle/project/build.ts");
    const { Operation } = await import("../lib/lifecycle/machine/operation.ts");
    const options = { force: flags.force, signal: stopSignal(terminal) };
    const { withConsent } = await import("./consent.ts");
    const result = await withConsent(terminal, host, project, () =>
      follow(
        terminal,
        globals,
        new Operation((emit) => buildProject(host, project, options, emit)),
      ));
    if (flags.print) {
      const { describeRunner } = await import("../lib/lifecycle/project/build.ts");
      return terminal.printJson(await describeRunner(result), 2);
    }
    if (globals.json) return terminal.printJson(result);
    if (!globals.quiet) terminal.print(result.runnerDirectory);
  },
});
