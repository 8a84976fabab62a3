import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";
import { tellBesideGuest } from "./beside_guest.ts";

export const command = buildCommand<Record<never, never>, [], CommandLineContext>({
  docs: {
    brief: "open a shell in the machine",
    fullDescription: `Opens the user's login shell in the machine, in the directory that maps to the
current one. Without a terminal it reads commands from standard input.

EXAMPLES
  nixbox shell
  nixbox shell < commands.sh`,
  },
  parameters: {},
  func: async function () {
    const { host, project } = await hostAndProject(this.globals);
    const { openShell } = await import("../lib/lifecycle/machine/run_in_machine.ts");
    const directory = await Deno.realPath(Deno.cwd());
    const tty = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
    this.exitCode = await openShell(host, project.id, {
      directory,
      tty,
      onPause: (message) => tellBesideGuest(this.terminal, message, tty),
    });
  },
});
