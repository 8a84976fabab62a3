import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";

interface Flags {
  readonly rotate: boolean;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "make the project's keys and directories; migrate a project of the earlier nixbox",
    fullDescription:
      `Makes what the project needs once: the SSH keys under .nixbox/ssh. Does nothing that is
done already; \`nixbox up\` does it too. Prints the guest's public key, to register with git hosts.
A project of the earlier nixbox, the Bash tool, is migrated: its config and its key stay.
--rotate makes new keys: the login key, the guest's host key and its identity. A machine that
is up keeps the old ones until its next \`nixbox up\`.

EXAMPLES
  nixbox setup
  nixbox setup --rotate`,
  },
  parameters: {
    flags: {
      rotate: {
        kind: "boolean",
        brief: "make new keys",
        default: false,
        withNegated: false,
      },
    },
  },
  func: async function ({ rotate }) {
    const { globals, terminal } = this;
    const { host, project } = await hostAndProject(globals);
    const { setUp } = await import("../lib/lifecycle/project/setup.ts");
    const result = await setUp(host, project, { rotate });
    if (globals.json) {
      const { migration } = result;
      // The name that the key had before.
      const earlier = migration === undefined ? {} : { takenOver: migration };
      return terminal.printJson({ ...result, ...earlier });
    }
    if (result.migration !== undefined) {
      const { keptIdentity, moved, directory, notes } = result.migration;
      terminal.printError("migrated a project of the earlier nixbox; its config stays as it is");
      if (keptIdentity) terminal.printError("its key is the guest's identity from now on");
      terminal.printError(`moved to ${directory}: ${moved.join(", ")}`);
      terminal.printError("  (nixbox does not use it: remove it once you miss nothing)");
      for (const note of notes) terminal.printError(`note: ${note}`);
      terminal.printError("its guest could write here: look at the config with `nixbox trust`");
    }
    if (!globals.quiet) {
      const made = rotate ? "made new keys" : "made the project's keys";
      terminal.printError(result.madeKeys ? made : "the project's keys are there");
      if (rotate && result.isMachineUp) {
        terminal.printError("the machine that is up keeps the old ones until its next `nixbox up`");
      }
      terminal.printError(
        `the guest's public key, to register with git hosts${
          rotate ? " in place of the old one" : ""
        }:`,
      );
    }
    terminal.print(result.guestPublicKey);
  },
});
