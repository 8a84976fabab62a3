import { buildCommand } from "@stricli/core";
import { type CommandLineContext, hostAndProject } from "./context.ts";

export const command = buildCommand<Record<never, never>, [], CommandLineContext>({
  docs: {
    brief: "make the project's keys and directories",
    fullDescription:
      `Makes what the project needs once: the SSH keys under .nixbox/ssh. Does nothing that is
done already; \`nixbox up\` does it too. Prints the guest's public key, to register with git hosts.

EXAMPLES
  nixbox setup`,
  },
  parameters: {},
  func: async function () {
    const { globals, terminal } = this;
    const { host, project } = await hostAndProject(globals);
    const { setUp } = await import("../lib/lifecycle/setup.ts");
    const result = await setUp(host, project);
    if (globals.json) return terminal.print(JSON.stringify(result));
    if (!globals.quiet) {
      terminal.printError(
        result.madeKeys ? "made the project's keys" : "the project's keys are there",
      );
      terminal.printError("the guest's public key:");
    }
    terminal.print(result.guestPublicKey);
  },
});
