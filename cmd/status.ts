import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostOnly } from "./context.ts";
import { duration } from "./progress.ts";
import { table } from "./table.ts";
import { describeShare } from "./share_text.ts";

export const command = buildCommand<Record<never, never>, [], CommandLineContext>({
  docs: {
    brief: "list machines",
    fullDescription:
      `Lists all of your machines, running or left behind. Ends with 0 whether or not any runs.

EXAMPLES
  nixbox status
  nixbox status --json | jq '.machines[].name'`,
  },
  parameters: {},
  func: async function () {
    const { terminal, globals } = this;
    const host = await hostOnly();
    const { status } = await import("../lib/lifecycle/machine/status.ts");
    const report = await status(host);
    if (globals.json) return terminal.printJson(report, 2);
    for (const problem of report.problems) terminal.printError(`warning: ${problem}`);
    if (report.machines.length === 0) return terminal.print("no machine is up");
    const header = [
      "NAME",
      "STATE",
      "UPTIME",
      "SLOT",
      "ADDRESS",
      "HYPERVISOR",
      "NETWORK",
      "PROJECT",
    ];
    const rows = report.machines.map((machine) => [
      machine.name,
      machine.state,
      duration(machine.uptimeSeconds * 1000),
      `${machine.slot ?? "-"}`,
      machine.address ?? "-",
      machine.hypervisor + (machine.acceleration === "emulation" ? " (emulated)" : ""),
      machine.network,
      machine.project,
    ]);
    for (const line of table([header, ...rows])) terminal.print(line);
    for (const machine of report.machines) {
      if (machine.paused !== undefined) {
        const { pauseHint, pauseText } = await import("../lib/lifecycle/machine/room.ts");
        terminal.printError(`warning: ${pauseText(machine.name, machine.paused)}`);
        terminal.printError(`help: ${pauseHint(machine.paused)}`);
      }
      for (const mount of machine.mounts) {
        terminal.print(`  ${machine.name}: ${describeShare(mount)}`);
      }
      if (machine.changed.length === 0) continue;
      const { changedObeyedText } = await import("../lib/lifecycle/protection/obeyed_changes.ts");
      terminal.printError(
        `warning: ${machine.name}: ${changedObeyedText(machine.changed)}`,
      );
    }
  },
});
