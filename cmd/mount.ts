import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject, stopSignal } from "./context.ts";
import { follow } from "./progress.ts";
import { describeShare } from "./share_text.ts";

interface Flags {
  readonly via?: "virtiofs" | "sshfs";
}

export const command = buildCommand<Flags, [string], CommandLineContext>({
  docs: {
    brief: "share a directory with the running machine",
    fullDescription:
      `Shares a directory of this host with the running machine, until it goes down. A lasting share
belongs into .nixbox/config.nix: mounts. The short form is SRC:DST, with :ro for read-only (the host refuses every
change) or :overlay (changes stay in the guest's memory). A path with a colon needs the long form,
which is CSV: a field with a comma in it stands in double quotes.

EXAMPLES
  nixbox mount ~/data:/mnt/data:ro
  nixbox mount ../lib:~/lib
  nixbox mount 'type=bind,"source=/srv/a,b",target=/mnt/ab,readonly'
  nixbox mount ~/music:~/music --via sshfs`,
  },
  parameters: {
    positional: {
      kind: "tuple",
      parameters: [{ parse: String, brief: "SRC:DST[:ro|:overlay]", placeholder: "spec" }],
    },
    flags: {
      via: {
        kind: "enum",
        values: ["virtiofs", "sshfs"],
        brief: "as a device (the default on Linux), or over the SSH connection (on macOS)",
        optional: true,
      },
    },
  },
  func: async function ({ via }, text) {
    const { terminal, globals } = this;
    const { parseMountSpec } = await import("../lib/share/mount_spec.ts");
    const spec = parseMountSpec(text);
    const { host, project } = await hostAndProject(globals);
    const { Operation } = await import("../lib/lifecycle/machine/operation.ts");
    const { mountShare } = await import("../lib/lifecycle/shares/mount.ts");
    const options = {
      directory: Deno.cwd(),
      signal: stopSignal(terminal),
      ...(via === undefined ? {} : { via }),
    };
    const share = await follow(
      terminal,
      globals,
      new Operation((emit) => mountShare(host, project, spec, options, emit)),
    );
    if (globals.json) return terminal.printJson(share);
    if (!globals.quiet) terminal.printError(`mounted ${describeShare(share)}`);
  },
});
