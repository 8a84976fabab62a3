import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject } from "./context.ts";

interface Flags {
  readonly host?: string;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "print what ssh, rsync and editors need to reach the machine",
    fullDescription:
      `Prints a Host block for ssh_config(5), so that editors, rsync and git reach the running machine.
The name is nixbox-NAME. Print it again after each \`nixbox up\`: the address may be another.

EXAMPLES
  nixbox ssh-config > ~/.ssh/nixbox.conf      # once, in ~/.ssh/config: Include nixbox.conf
  rsync -e "ssh -F $HOME/.ssh/nixbox.conf" -a src/ nixbox-my-project:src/
  nixbox ssh-config --host box`,
  },
  parameters: {
    flags: {
      host: {
        kind: "parsed",
        parse: parseAlias,
        optional: true,
        brief: "the name to use instead of nixbox-NAME",
        placeholder: "NAME",
      },
    },
  },
  func: async function ({ host: alias }) {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { sshAccess } = await import("../lib/lifecycle/machine/ssh_access.ts");
    const access = await sshAccess(host, project.id, alias);
    if (globals.json) return terminal.printJson(access, 2);
    terminal.write(access.config);
  },
});

/** A name that means nothing else in ssh_config(5), where patterns and lists are possible. */
function parseAlias(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(text)) return text;
  throw new SyntaxError(`"${text}" is not a name for a host: letters, digits, ".", "_" and "-"`);
}
