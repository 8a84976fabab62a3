import { buildCommandLine, runCommandLine } from "./application.ts";
import { commands } from "./commands.ts";
import { type CommandLineContext, Interrupted } from "./context.ts";
import { type Globals, MissingValue, type SplitCommandLine, splitGlobals } from "./globals.ts";
import { reportFailure } from "./report.ts";
import { processTerminal, type Terminal } from "./terminal.ts";

/** Runs one command line to its end; gives the exit code (0 ok, 1 failure, 2 use, 3 not running). */
export async function main(words: readonly string[]): Promise<number> {
  let split: SplitCommandLine;
  try {
    split = splitGlobals(words, (name) => Object.hasOwn(commands, name));
  } catch (error) {
    if (!(error instanceof MissingValue)) throw error;
    processTerminal(true).printError(`error: ${error.message}`);
    return 2;
  }
  const { globals, rest } = split;
  const terminal = processTerminal(globals.noColor);
  try {
    return await dispatch(terminal, globals, rest);
  } catch (thrown) {
    if (thrown instanceof Interrupted) {
      terminal.printError("interrupted; everything was put back");
      return 130;
    }
    if (thrown instanceof Deno.errors.BrokenPipe) return 141;
    return reportFailure(terminal, globals, thrown);
  }
}

async function dispatch(
  terminal: Terminal,
  globals: Globals,
  rest: readonly string[],
): Promise<number> {
  const [name] = rest;
  const isKnown = name !== undefined && Object.hasOwn(commands, name);
  if (name !== undefined && !isKnown && !name.startsWith("-")) {
    const { tryPlugin } = await import("./plugin_command.ts");
    const code = await tryPlugin(terminal, globals, rest);
    if (code !== undefined) return code;
  }
  if (name === undefined || name === "--help" || name === "-h") {
    const { helpText } = await import("./help.ts");
    terminal.write(helpText());
    return 0;
  }
  const app = await buildCommandLine(isKnown ? name : undefined);
  const context: CommandLineContext = {
    process: { stdout: { write: terminal.write }, stderr: { write: terminal.writeError } },
    terminal,
    globals,
    commandNames: Object.keys(commands),
    exitCode: 0,
    wholeApplication: () => buildCommandLine(undefined),
  };
  return await runCommandLine(app, rest, context);
}
