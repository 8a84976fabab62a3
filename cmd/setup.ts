import { buildCommand } from "@stricli/core";
import { type CommandLineContext, hostAndProject } from "./context.ts";

interface Flags {
  readonly rotate: boolean;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "make the project's keys and directories",
    fullDescription:
      `Makes what the project needs once: the SSH keys under .nixbox/ssh. Does nothing that is
done already; \`nixbox up\` does it too. Prints the guest's public key, to register with git hosts.
--rotate makes every key anew: the login key, the guest's host key and its identity. A machine that
is up keeps the old ones until its next \`nixbox up\`.

EXAMPLES
  nixbox setup
  nixbox setup --rotate`,
  },
  parameters: {
    flags: {
      rotate: {
        kind: "boolean",
        brief: "make every key anew",
        default: false,
        withNegated: false,
      },
    },
  },
  func: async function ({ rotate }) {
    const { globals, terminal } = this;
    const { host, project } = await hostAndProject(globals);
    const { setUp } = await import("../lib/lifecycle/setup.ts");
    const result = await setUp(host, project, { rotate });
    if (globals.json) return terminal.print(JSON.stringify(result));
    if (!globals.quiet) {
      const made = rotate ? "made every key anew" : "made the project's keys";
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
