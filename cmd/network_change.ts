import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";

interface Words {
  readonly brief: string;
  readonly fullDescription: string;
  readonly done: string;
  readonly nothingToDo: string;
}

/** A command that changes the names of the running machine, and says how to make it last. */
function changeCommand(verb: "allow" | "deny", words: Words) {
  return buildCommand<Record<never, never>, [string], CommandLineContext>({
    docs: {
      brief: words.brief,
      fullDescription: `${words.fullDescription}

EXAMPLES
  nixbox network ${verb} npmjs.org`,
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
      const change = await import("../lib/lifecycle/network/change.ts");
      const work = verb === "allow" ? change.allowDomain : change.denyDomain;
      const result = await work(host, project.id, domain);
      if (globals.json) return terminal.printJson(result);
      const done = result.isChanged ? words.done : words.nothingToDo;
      terminal.print(`${result.domain} ${done}; to make it last: ${result.config}`);
    },
  });
}

export const allow = changeCommand("allow", {
  brief: "let the running machine reach a name",
  fullDescription:
    `Lets the running machine reach a name and what is under it, at once; \`*.x\` is only what is
under x. It ends with the machine: the line to add to .nixbox/config.nix is printed.`,
  done: "is allowed now",
  nothingToDo: "was allowed already",
});

export const deny = changeCommand("deny", {
  brief: "refuse the running machine a name",
  fullDescription:
    `Takes a name and what is under it away from the running machine, at once. Open connections on
80 and 443 end; clients connect again to what is still allowed. It ends with the machine.`,
  done: "is refused now",
  nothingToDo: "was not allowed anyway",
});
