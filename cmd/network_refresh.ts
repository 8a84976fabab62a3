import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";

export const command = buildCommand<Record<never, never>, [], CommandLineContext>({
  docs: {
    brief: "repair the running machine's network",
    fullDescription:
      `Repairs what \`nixbox network status\` warns of: rules that something on this host flushed, and
what follows from this host's resolvers, addresses and networks, after these have changed. What the
guest may reach stays the same; in mode filtered, names lead to their addresses with the next DNS request.

EXAMPLES
  nixbox network refresh`,
  },
  parameters: {},
  func: async function () {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { refreshNetwork } = await import("../lib/lifecycle/network/refresh.ts");
    const result = await refreshNetwork(host, project.id);
    if (globals.json) return terminal.printJson(result);
    if (result.fixed.length === 0) return terminal.print("nothing to fix");
    for (const line of result.fixed) terminal.print(`fixed: ${line}`);
  },
});
