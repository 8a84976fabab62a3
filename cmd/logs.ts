import { buildCommand } from "./stricli.ts";
import { type LogName, logNames } from "../lib/lifecycle/machine/log_names.ts";
import { type CommandLineContext, hostAndProject, stopSignal } from "./context.ts";
import { choiceOf } from "./parse.ts";

interface Flags {
  readonly follow: boolean;
}

export const command = buildCommand<Flags, [LogName?], CommandLineContext>({
  docs: {
    brief: "show a log: console, hypervisor, dnsmasq, virtiofsd, provisioning, ssh",
    fullDescription:
      `Shows a log of this project's machine; the guest's console unless you say which. On a
terminal, control characters that the guest wrote are shown, not obeyed; into a file or a pipe the log
goes as it is.

EXAMPLES
  nixbox logs
  nixbox logs console -f
  nixbox logs dnsmasq          what address the guest got`,
  },
  parameters: {
    flags: {
      follow: {
        kind: "boolean",
        brief: "keep printing what is added",
        default: false,
        withNegated: false,
      },
    },
    aliases: { f: "follow" },
    positional: {
      kind: "tuple",
      parameters: [{ ...choiceOf(logNames), placeholder: "what", optional: true }],
    },
  },
  func: async function (flags, name = "console") {
    const { host, project } = await hostAndProject(this.globals);
    const { readLog } = await import("../lib/lifecycle/machine/logs.ts");
    const options = flags.follow
      ? { follow: true, signal: stopSignal(this.terminal) }
      : { follow: false };
    for await (const text of readLog(host, project.id, name, options)) {
      if (this.terminal.isOutputTerminal) this.terminal.write(text);
      else this.terminal.writeRaw(text);
    }
  },
});
