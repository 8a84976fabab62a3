import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";
import { follow } from "./progress.ts";

interface Flags {
  readonly force: boolean;
}

export const command = buildCommand<Flags, [string], CommandLineContext>({
  docs: {
    brief: "remove a share from the running machine",
    fullDescription:
      `Removes a share: unmounts it in the guest, waits until the device is gone, and ends what
served it. A share that programs of the guest use stays, and they are named; --force removes it
all the same.

EXAMPLES
  nixbox unmount /mnt/data
  nixbox unmount '~/workspace' --force`,
  },
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "where the guest has it", placeholder: "target" }],
    },
    flags: {
      force: {
        kind: "boolean",
        brief: "even if it is in use",
        default: false,
        withNegated: false,
      },
    },
  },
  func: async function ({ force }, target) {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { Operation } = await import("../lib/lifecycle/machine/operation.ts");
    const { unmountShare } = await import("../lib/lifecycle/shares/unmount.ts");
    const share = await follow(
      terminal,
      globals,
      new Operation((emit) => unmountShare(host, project.id, target, { force }, emit)),
    );
    if (globals.json) return terminal.printJson(share);
    if (!globals.quiet) terminal.printError(`unmounted ${share.target}`);
  },
});
