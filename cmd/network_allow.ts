import { buildCommand } from "@stricli/core";
import { type CommandLineContext, hostAndProject } from "./context.ts";

export const command = buildCommand<Record<never, never>, [string], CommandLineContext>({
  docs: {
    brief: "let the running machine reach a name",
    fullDescription:
      `Lets the running machine reach a name and what is under it, at once; \`*.x\` is only what is under x.
It ends with the machine: the line to add to .nixbox/config.nix is printed.

EXAMPLES
  nixbox network allow npmjs.org`,
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
    const { allowDomain } = await import("../lib/lifecycle/network_change.ts");
    const change = await allowDomain(host, project.id, domain);
    if (globals.json) return terminal.print(JSON.stringify(change));
    const done = change.isChanged ? "is allowed now" : "was allowed already";
    terminal.print(`${change.domain} ${done}; to make it last: ${change.config}`);
  },
});
