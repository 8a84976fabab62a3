import type { Application, CommandContext } from "./stricli.ts";
import type { Project } from "../lib/config/config.ts";
import type { Host } from "../lib/host/host.ts";
import type { Globals } from "./globals.ts";
import type { Terminal } from "./terminal.ts";

/** What every command gets as `this`. */
export interface CommandLineContext extends CommandContext {
  readonly terminal: Terminal;
  readonly globals: Globals;
  /** The names of nixbox's own commands. */
  readonly commandNames: readonly string[];
  /** Set by a command that ends with its own code, such as `run`. */
  exitCode: number;
  /** The application with every command: for completion, which is a command itself. */
  readonly wholeApplication: () => Promise<Application<CommandLineContext>>;
}

/** This machine and the project that the command is about. */
export async function hostAndProject(
  globals: Globals,
): Promise<{ host: Host; project: Project }> {
  const host = await detect();
  const { findProject, projectAt } = await import("../lib/config/find.ts");
  const project = globals.project === undefined
    ? await findProject(host, Deno.cwd())
    : await projectAt(host, globals.project);
  await keepFrom(host, [project.directory]);
  return { host, project };
}

/** As {@linkcode hostAndProject}, for what is of use outside of any project too. */
export async function hostAndProjectIfAny(
  globals: Globals,
): Promise<{ host: Host; project: Project | undefined }> {
  if (globals.project !== undefined) return await hostAndProject(globals);
  const host = await hostOnly();
  const { findProjectIfAny } = await import("../lib/config/find.ts");
  const project = await findProjectIfAny(host, Deno.cwd());
  if (project !== undefined) await keepFrom(host, [project.directory]);
  return { host, project };
}

let detect = async () => await (await import("../lib/host/detect.ts")).detectHost();

/** Puts another host in the place of this one, before a command runs: for tests of another OS' path. */
export function chooseHost(other: () => Promise<Host>): void {
  detect = other;
}

/** This machine; no program is run from where a guest can write. */
export async function hostOnly(): Promise<Host> {
  const host = await detect();
  await keepFrom(host);
  return host;
}

async function keepFrom(host: Host, directories: readonly string[] = []): Promise<void> {
  const { keepFromGuests } = await import("../lib/lifecycle/protection/programs_of_guests.ts");
  await keepFromGuests(host, directories);
}

/**
 * A signal that aborts when the user or the system asks the program to stop. The second request is
 * answered by patience: what was begun is being undone.
 */
export function stopSignal(terminal: Terminal): AbortSignal {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) terminal.printError("still cleaning up");
    else controller.abort(new Interrupted());
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, stop);
  }
  return controller.signal;
}

/** Thrown when the user stops a command; not a fault. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
  constructor() {
    super("interrupted");
  }
}
