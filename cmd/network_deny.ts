import { buildCommand } from "@stricli/core";
import { type CommandLineContext, hostAndProject } from "./context.ts";

export const command = buildCommand<Record<never, never>, [string], CommandLineContext>({
  docs: {
    brief: "take a name away from the running machine",
    fullDescription:
      `Takes a name and what is under it away from the running machine, at once. Open connections on 80
and 443 end; clients connect again to what is still allowed. It ends with the machine.

EXAMPLES
  nixbox network deny npmjs.org`,
  },
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "a name, such as npmjs.org", placeholder: "domain" }],
    },
  },
  func: async function (_flags, domain) {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { denyDomain } = await import("../lib/lifecycle/network_change.ts");
    const change = await denyDomain(host, project.id, domain);
    if (globals.json) return terminal.print(JSON.stringify(change));
    const done = change.isChanged ? "is refused now" : "was not allowed anyway";
    terminal.print(`${change.domain} ${done}; to make it last: ${change.config}`);
  },
});
