import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject, stopSignal } from "./context.ts";
import { duration, follow } from "./progress.ts";
import { parseSeconds } from "./parse.ts";

interface Flags {
  readonly dryRun: boolean;
  readonly noBuild: boolean;
  readonly fresh: boolean;
  readonly runner?: string;
  readonly timeout?: number;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "boot this project's machine",
    fullDescription: `Boots this project's machine, building it first if the config has changed.
When it returns, commands run in the guest, shares are mounted, and the config's scripts have run.
If anything fails, or on Ctrl-C, everything that was done is undone. Prints the main steps as they
finish; --verbose prints all of them.

EXAMPLES
  nixbox up                    build if needed, boot
  nixbox up --dry-run          show what would be done, and every command run as root
  nixbox up --fresh            boot with an empty disk: what the guest kept on its own is removed
  nixbox up --no-build         boot the last build, whatever the config says now
  nixbox up --runner DIR       boot a runner that was built elsewhere`,
  },
  parameters: {
    flags: {
      dryRun: {
        kind: "boolean",
        brief: "print the plan and do nothing",
        default: false,
        withNegated: false,
      },
      noBuild: {
        kind: "boolean",
        brief: "boot the last build",
        default: false,
        withNegated: false,
      },
      fresh: {
        kind: "boolean",
        brief: "boot with an empty disk",
        default: false,
        withNegated: false,
      },
      runner: {
        kind: "parsed",
        parse: String,
        optional: true,
        brief: "a directory with bin/microvm-run, built elsewhere",
        placeholder: "DIR",
      },
      timeout: {
        kind: "parsed",
        parse: parseSeconds,
        optional: true,
        brief: "how long the guest may take to open SSH (90; 300 without KVM)",
        placeholder: "SECONDS",
      },
    },
  },
  func: async function (flags) {
    const { terminal, globals } = this;
    const { paint } = terminal;
    const { host, project } = await hostAndProject(globals);
    const { Operation } = await import("../lib/lifecycle/machine/operation.ts");
    const { planUp, up } = await import("../lib/lifecycle/up/up.ts");
    const { withConsent } = await import("./consent.ts");
    const options = {
      noBuild: flags.noBuild,
      fresh: flags.fresh,
      signal: stopSignal(terminal),
      ...(flags.runner === undefined
        ? {}
        : { runner: await Deno.realPath(flags.runner).catch(() => String(flags.runner)) }),
      ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout * 1000 }),
    };
    if (flags.dryRun) {
      const { printPlan } = await import("./print_plan.ts");
      const plan = await withConsent(terminal, host, project, () =>
        follow(
          terminal,
          globals,
          new Operation((emit) => planUp(host, project, options, emit)),
        ));
      return printPlan(terminal, globals, plan);
    }
    let startedAt = performance.now();
    const { record, wasUp } = await withConsent(terminal, host, project, () => {
      startedAt = performance.now();
      return follow(
        terminal,
        globals,
        new Operation((emit) => up(host, project, options, emit)),
      );
    });
    if (globals.json) {
      const { status } = await import("../lib/lifecycle/machine/status.ts");
      const { machines } = await status(host);
      return terminal.printJson(machines.find(({ id }) => id === record.id));
    }
    if (globals.quiet) return;
    const took = wasUp ? "was up already" : `is up (${duration(performance.now() - startedAt)})`;
    terminal.printError(`${paint.bold(record.name)} ${took}: nixbox shell, nixbox run -- CMD`);
  },
});
