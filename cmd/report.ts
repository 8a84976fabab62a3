import { messageOf, NixboxError } from "../lib/host/error.ts";
import type { Globals } from "./globals.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Prints why a command failed, one line what and one how to mend it; gives the exit code. */
export function reportFailure(terminal: Terminal, globals: Globals, thrown: unknown): number {
  const { paint } = terminal;
  if (!(thrown instanceof NixboxError)) {
    terminal.printError(`${paint.red("error:")} ${printable(messageOf(thrown))}`);
    terminal.printError(
      `${paint.dim("this is a fault of nixbox; run again with --verbose to see where")}`,
    );
    if (globals.verbose) printStack(terminal, thrown);
    return 1;
  }
  const where = thrown.where === undefined ? "" : paint.dim(` (${printable(thrown.where)})`);
  terminal.printError(`${paint.red("error:")} ${printable(thrown.message)}${where}`);
  for (const line of thrown.log) terminal.printError(paint.dim(`  | ${printable(line)}`));
  if (thrown.hint !== undefined) {
    terminal.printError(`${paint.cyan("help:")} ${printable(thrown.hint)}`);
  }
  if (globals.verbose) printStack(terminal, thrown);
  return thrown.exitCode;
}

function printStack(terminal: Terminal, thrown: unknown): void {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    terminal.printError(error.stack ?? error.message);
  }
}
