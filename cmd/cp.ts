import { buildCommand } from "./stricli.ts";
import { type CommandLineContext, hostAndProject, stopSignal } from "./context.ts";
import { follow } from "./progress.ts";
import type { Terminal } from "./terminal.ts";

export const command = buildCommand<Record<never, never>, string[], CommandLineContext>({
  docs: {
    brief: "copy files into the machine or out of it",
    fullDescription:
      `Copies files and whole directories between this host and the running machine, with their
modes and times. vm:PATH is a path of the machine, which counts from the home directory there; - is
standard input or output, for one file. As with cp, what is copied goes into a destination that is a
directory, and else takes its name. Symlinks stay symlinks, and are not followed on this host.

EXAMPLES
  nixbox cp notes.txt vm:
  nixbox cp src docs vm:/tmp/
  nixbox cp vm:result.tar.gz .
  git diff | nixbox cp - vm:change.patch
  nixbox cp vm:/etc/os-release -`,
  },
  parameters: {
    positional: {
      kind: "array",
      parameter: { brief: "sources, then the destination", parse: String, placeholder: "path" },
      minimum: 2,
    },
  },
  func: async function (_flags, ...paths) {
    const { terminal, globals } = this;
    const { host, project } = await hostAndProject(globals);
    const { Operation } = await import("../lib/lifecycle/machine/operation.ts");
    const { copyFiles } = await import("../lib/lifecycle/copy/copy.ts");
    const options = {
      directory: await Deno.realPath(Deno.cwd()),
      signal: stopSignal(terminal),
      // On a terminal it is read by a person; into a file or a pipe it goes as it is.
      ...(terminal.isOutputTerminal ? { stdout: shownOn(terminal) } : {}),
    };
    const quiet = { ...globals, quiet: globals.quiet || !terminal.isLive };
    await follow(
      terminal,
      quiet,
      new Operation((emit) =>
        copyFiles(host, project.id, paths.slice(0, -1), paths.at(-1) ?? "", options, emit)
      ),
    );
  },
});

/** Shows a file of the guest's: what would act on the terminal is made visible. */
function shownOn(terminal: Terminal): WritableStream<Uint8Array<ArrayBuffer>> {
  const decoder = new TextDecoder();
  return new WritableStream({
    write: (bytes) => terminal.write(decoder.decode(bytes, { stream: true })),
    close: () => terminal.write(decoder.decode()),
  });
}
