import { buildCommand } from "./stricli.ts";
import type { Refusal } from "../lib/network/rules/refusals.ts";
import { type CommandLineContext, hostAndProject, stopSignal } from "./context.ts";
import { table } from "./table.ts";
import type { Terminal } from "./terminal.ts";

interface Flags {
  readonly follow: boolean;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "what the machine asked for and was refused",
    fullDescription:
      `Lists names and addresses that the guest asked for and was refused: when last, how often, the reason,
and the line for .nixbox/config.nix that would allow it. With --json, one object per line.

EXAMPLES
  nixbox network log
  nixbox network log --follow
  nixbox network log --json | jq -r .asked`,
  },
  parameters: {
    flags: {
      follow: {
        kind: "boolean",
        brief: "keep printing what is refused from now on",
        default: false,
        withNegated: false,
      },
    },
    aliases: { f: "follow" },
  },
  func: async function (flags) {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { followNetworkLog, networkLog } = await import(
      "../lib/lifecycle/network/network_log.ts"
    );
    if (flags.follow) {
      for await (const one of followNetworkLog(host, project.id, stopSignal(terminal))) {
        if (globals.json) terminal.printJson(one);
        else terminal.print(cells(one).join("  "));
      }
      return;
    }
    const refusals = await networkLog(host, project.id);
    if (globals.json) { for (const one of refusals) terminal.printJson(one); }
    else printRefusals(terminal, refusals);
    const { networkProblems } = await import("../lib/lifecycle/network/network_status.ts");
    for (const problem of await networkProblems(host, project.id)) {
      terminal.printError(`${terminal.paint.yellow("warning:")} ${problem}`);
    }
  },
});

function printRefusals(terminal: Terminal, refusals: readonly Refusal[]): void {
  if (refusals.length === 0) return terminal.print("nothing was refused");
  const header = ["LAST", "TIMES", "DESTINATION", "REASON", "TO ALLOW"];
  for (const line of table([header, ...refusals.map(cells)])) terminal.print(line);
}

function cells({ time, count, asked, reason, allow }: Refusal): string[] {
  const at = new Date(time);
  const clock = [at.getHours(), at.getMinutes(), at.getSeconds()]
    .map((part) => `${part}`.padStart(2, "0")).join(":");
  return [clock, `${count}x`, asked, reason, allow ?? "-"];
}
