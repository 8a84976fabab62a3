import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";

export const command = buildCommand<Record<never, never>, [], CommandLineContext>({
  docs: {
    brief: "put the running machine's network right",
    fullDescription:
      `Puts right what \`nixbox network status\` tells of: rules that something on this host flushed, and
what follows from this host's resolvers, addresses and networks, after these have changed. What the
guest may reach stays the same; in mode filtered, names lead to their addresses with the next question.

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
    if (result.fixed.length === 0) return terminal.print("all was right");
    for (const line of result.fixed) terminal.print(`put right: ${line}`);
  },
});
