import { messageOf, NixboxError } from "../lib/base/error.ts";
import { printableLine } from "../lib/base/printable.ts";
import type { Globals } from "./globals.ts";
import type { Terminal } from "./terminal.ts";

/** Prints why a command failed, one line what and one how to fix it; gives the exit code. */
export function reportFailure(terminal: Terminal, globals: Globals, thrown: unknown): number {
  const { paint } = terminal;
  if (!(thrown instanceof NixboxError)) {
    terminal.printError(`${paint.red("error:")} ${indented(messageOf(thrown))}`);
    terminal.printError(
      `${paint.dim("this is a fault of nixbox; run again with --verbose to see where")}`,
    );
    if (globals.verbose) printStack(terminal, thrown);
    return 1;
  }
  const where = thrown.where === undefined ? "" : paint.dim(` (${printableLine(thrown.where)})`);
  terminal.printError(`${paint.red("error:")} ${indented(thrown.message)}${where}`);
  for (const line of thrown.log) terminal.printError(paint.dim(`  | ${printableLine(line)}`));
  if (thrown.hint !== undefined) {
    terminal.printError(`${paint.cyan("help:")} ${indented(thrown.hint)}`);
  }
  if (globals.verbose) printStack(terminal, thrown);
  return thrown.exitCode;
}

function printStack(terminal: Terminal, thrown: unknown): void {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    terminal.printError(indented(error.stack ?? error.message));
  }
}

/** Text of several lines, in which no line but the first looks like one of nixbox's own. */
export function indented(text: string): string {
  return text.replaceAll(/\r?\n/g, "\n    ");
}
