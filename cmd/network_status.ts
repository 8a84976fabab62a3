import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";

export const command = buildCommand<Record<never, never>, [], CommandLineContext>({
  docs: {
    brief: "the rules in force, in words",
    fullDescription: `Shows what the running machine may reach now, rule by rule.

EXAMPLES
  nixbox network status
  nixbox network status --json | jq .policy.domains`,
  },
  parameters: {},
  func: async function () {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { networkStatus } = await import("../lib/lifecycle/network/network_status.ts");
    const status = await networkStatus(host, project.id);
    if (globals.json) return terminal.printJson(status, 2);
    const { name, policy, address, gateway, services, allowedAddresses } = status;
    const { paint } = terminal;
    const place = address === undefined ? "" : `, ${address} by ${gateway}`;
    terminal.print(`${paint.bold(name)}: network.mode "${policy.mode}"${place}`);
    for (const rule of status.rules) terminal.print(`  ${rule}`);
    if (policy.mode === "filtered" && address !== undefined) {
      terminal.print(
        `  now ${allowedAddresses} address(es) pass, each until an hour after its last use`,
      );
    }
    for (const problem of status.problems) {
      terminal.printError(`${paint.red("error:")} ${problem}`);
      this.exitCode = 1;
    }
    const dead = Object.entries(services).filter(([, isAlive]) => !isAlive).map(([what]) => what);
    if (dead.length === 0) return;
    terminal.printError(
      `${paint.red("error:")} ${dead.join(" and ")} ended: what goes by it does not get out`,
    );
    terminal.printError(`${paint.cyan("help:")} start it again: \`nixbox down\` and \`nixbox up\``);
    this.exitCode = 1;
  },
});
