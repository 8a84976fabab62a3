import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostOnly } from "./context.ts";
import { reportFailure } from "./report.ts";
import { table } from "./table.ts";

interface Flags {
  readonly fix: boolean;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "check what this host needs and clear leftovers",
    fullDescription:
      `Checks everything that nixbox needs of this host and says how to fix what is missing.
Finds what a crash left behind: dead machines, taps, firewall tables; --fix clears it. Ends with 1
when something needed is missing or leftovers are there.

EXAMPLES
  nixbox doctor
  nixbox doctor --fix
  nixbox doctor --json`,
  },
  parameters: {
    flags: {
      fix: {
        kind: "boolean",
        brief: "clear what a crash left behind",
        default: false,
        withNegated: false,
      },
    },
  },
  func: async function (flags) {
    const { terminal, globals } = this;
    const { paint } = terminal;
    const host = await hostOnly();
    const { examine } = await import("../lib/lifecycle/doctor/doctor.ts");
    const { clearLeftover, findLeftovers } = await import("../lib/lifecycle/doctor/leftovers.ts");
    const { defaultSlotPlace } = await import("../lib/state/slots.ts");
    const { checkNetworks } = await import("../lib/lifecycle/doctor/doctor_network.ts");
    const { checkProject } = await import("../lib/lifecycle/doctor/doctor_project.ts");
    const [checks, leftovers] = await Promise.all([
      Promise.all([
        examine(host),
        checkNetworks(host, defaultSlotPlace),
        checkProject(host, globals.project ?? Deno.cwd()),
      ])
        .then((lists) => lists.flat()),
      findLeftovers(host, defaultSlotPlace),
    ]);
    const cleared = new Set<unknown>();
    for (const leftover of flags.fix ? leftovers : []) {
      try {
        await clearLeftover(host, defaultSlotPlace, leftover, (event) => {
          if (event.kind === "warning") terminal.printError(`warning: ${event.message}`);
        });
        cleared.add(leftover);
      } catch (error) {
        // One that cannot be cleared must not keep the others.
        reportFailure(terminal, globals, error);
      }
    }
    const isMissing = checks.some(({ state }) => state === "missing");
    if (isMissing || leftovers.length > cleared.size) this.exitCode = 1;
    if (globals.json) {
      const report = {
        checks,
        leftovers: leftovers.map(({ kind, description }) => ({ kind, description })),
        fixed: flags.fix,
      };
      return terminal.printJson(report, 2);
    }
    const words = {
      ok: paint.green("ok"),
      warning: paint.yellow("warning"),
      missing: paint.red("missing"),
    };
    const rows = table(checks.map(({ state, name, detail }) => [state, name, detail]));
    rows.forEach((row, index) => {
      const check = checks[index];
      if (check === undefined) return;
      terminal.print(row.replace(check.state, words[check.state]));
      if (check.hint !== undefined) {
        terminal.print(`         ${paint.cyan("help:")} ${check.hint}`);
      }
    });
    for (const leftover of leftovers) {
      const verb = cleared.has(leftover) ? "cleared" : "leftover";
      terminal.print(`${verb}: ${leftover.description}`);
    }
    if (leftovers.length > 0 && !flags.fix) terminal.print("clear them: nixbox doctor --fix");
  },
});
