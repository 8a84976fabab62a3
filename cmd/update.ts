import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject, stopSignal } from "./context.ts";
import { follow } from "./progress.ts";
import { table } from "./table.ts";

interface Flags {
  readonly input?: readonly string[];
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "renew the project's flake.lock and build with it",
    fullDescription:
      `Fetches the newest versions of the flake's inputs (nixpkgs, microvm), and builds the machine with
them. The old lock, .nixbox/flake.lock, and the old build stay what they are until the new build is
there. Nothing else changes a lock. A machine that is up stays as it is until its next \`nixbox up\`.

EXAMPLES
  nixbox update
  nixbox update --input nixpkgs
  nixbox update --json`,
  },
  parameters: {
    flags: {
      input: {
        kind: "parsed",
        parse: String,
        variadic: true,
        optional: true,
        brief: "only this input; may be given again",
        placeholder: "NAME",
      },
    },
  },
  func: async function ({ input = [] }) {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { Operation } = await import("../lib/lifecycle/machine/operation.ts");
    const { updateProject } = await import("../lib/lifecycle/project/update.ts");
    const options = { inputs: input, signal: stopSignal(terminal) };
    const { withConsent } = await import("./consent.ts");
    const result = await withConsent(terminal, host, project, () =>
      follow(
        terminal,
        globals,
        new Operation((emit) => updateProject(host, project, options, emit)),
      ));
    if (globals.json) return terminal.printJson(result, 2);
    if (result.changes.length === 0) return terminal.print("everything was new already");
    const short = (version: string) =>
      /^[0-9a-f]{40}$/.test(version) ? version.slice(0, 12) : version;
    const rows = result.changes.map(({ input: name, from, to }) => [
      name,
      from === undefined ? "new" : `${short(from.version)} (${from.date})`,
      "->",
      `${short(to.version)} (${to.date})`,
    ]);
    for (const line of table(rows)) terminal.print(line);
    if (result.isMachineOlder && !globals.quiet) {
      terminal.printError(
        "the machine that is up has the build from before: `nixbox down`, `nixbox up`",
      );
    }
  },
});
