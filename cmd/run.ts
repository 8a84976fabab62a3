import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";
import { tellBesideGuest } from "./beside_guest.ts";

export const command = buildCommand<Record<never, never>, string[], CommandLineContext>({
  docs: {
    brief: "run one command in the machine",
    fullDescription:
      `Runs one command in the machine, in the directory that maps to the current one.
Its words arrive unchanged; one single word is a line of shell. Standard input, output and error are
its own, and so is the exit code.

EXAMPLES
  nixbox run -- make -j4 test
  nixbox run 'echo $HOSTNAME | tr a-z A-Z'
  tar c src | nixbox run -- tar x -C /tmp`,
  },
  parameters: {
    positional: {
      kind: "array",
      parameter: { brief: "the command and its words", parse: String, placeholder: "CMD" },
      minimum: 1,
    },
  },
  func: async function (_flags, ...argv) {
    const { host, project } = await hostAndProject(this.globals);
    const { runCommand } = await import("../lib/lifecycle/machine/run_in_machine.ts");
    const tty = Deno.stdin.isTerminal() && Deno.stdout.isTerminal();
    this.exitCode = await runCommand(host, project.id, argv, {
      directory: await Deno.realPath(Deno.cwd()),
      tty,
      onPause: (message) => tellBesideGuest(this.terminal, message, tty),
    });
  },
});
