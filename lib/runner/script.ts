import { NixboxError } from "../base/error.ts";
import {
  lexSimpleCommand,
  ShellSyntaxError,
  type ShellWord,
  type SimpleCommand,
  writeWord,
} from "./lexer.ts";

/** The microvm.nix whose runners this is made for. */
export const knownMicrovm = "microvm.nix 71beea0";

/** A runner script: what it does first, and the program that it becomes. */
export interface RunnerScript {
  /** Everything before the last command, as it stands. */
  readonly prelude: string;
  /** What the process calls itself (`exec -a`), if it says. */
  readonly processName: ShellWord | undefined;
  /** The program that the script becomes. */
  readonly program: string;
  /** Its arguments. */
  readonly argv: readonly ShellWord[];
  /** The script's line on which each word of `argv` stands; 0 for words that nixbox added. */
  readonly lines: readonly number[];
  /** The last command's own line, from 1. */
  readonly line: number;
  /** Where the script was read, for messages. */
  readonly source: string;
}

/**
 * Takes a runner script apart: its last command is `exec [-a NAME] PROGRAM ARGS...`, or the same
 * within `bash -c '...'` (vfkit with a control socket), whose own first lines then join the prelude.
 * Words after that `'...'` are the inner shell's parameters, which the inner script does not use.
 *
 * @throws {NixboxError} with the line and the reason if it cannot be read so.
 */
export function readScript(text: string, source: string): RunnerScript {
  const { prelude, command } = findLastCommand(text, source, 1);
  const script = dissect(prelude, command, source);
  const nested = nestedScript(script);
  if (nested === undefined) return script;
  const inner = findLastCommand(nested, source, script.lines[1] ?? script.line);
  const { processName } = script;
  return { ...dissect(`${prelude}${inner.prelude}`, inner.command, source), processName };
}

/** The text of `bash -c TEXT`. */
function nestedScript({ program, argv }: RunnerScript): string | undefined {
  if (!/(^|\/)(ba)?sh$/.test(program) || argv[0] !== "-c") return undefined;
  return typeof argv[1] === "string" ? argv[1] : undefined;
}

/**
 * The last command may have newlines in its quotes, and a quoted line may look like a command too;
 * so it is the first line from which everything to the end reads as one command.
 */
function findLastCommand(
  text: string,
  source: string,
  firstLine: number,
): { prelude: string; command: SimpleCommand } {
  let offset = 0;
  let reason: ShellSyntaxError | undefined;
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (/^[ \t]*exec[ \t]/.test(line)) {
      try {
        const command = lexSimpleCommand(text.slice(offset), firstLine + index);
        return { prelude: text.slice(0, offset), command };
      } catch (error) {
        if (!(error instanceof ShellSyntaxError)) throw error;
        reason = error;
      }
    }
    offset += line.length + 1;
  }
  const where = reason?.line ?? firstLine + lines.length - 1;
  const shown = lines[where - firstLine]?.trim() ?? "";
  throw new NixboxError(
    `the runner script does not parse: ${reason?.message ?? "its last command is not exec"}`,
    {
      where: `${source}:${where}`,
      hint: `nixbox reads the runners of ${knownMicrovm}; was this one changed?`,
      log: shown === "" ? [] : [excerpt(shown)],
    },
  );
}

/** A runner's last line is thousands of characters long. */
function excerpt(line: string): string {
  return line.length <= 240 ? line : `${line.slice(0, 240)} ...`;
}

function dissect(prelude: string, command: SimpleCommand, source: string): RunnerScript {
  const hasName = command.words[1] === "-a";
  const at = hasName ? 3 : 1;
  const program = command.words[at];
  const line = command.lines[0] ?? 1;
  if (typeof program !== "string" || program.startsWith("-")) {
    throw new NixboxError("the runner script does not say which program it runs", {
      where: `${source}:${line}`,
      hint: `nixbox reads the runners of ${knownMicrovm}`,
      log: [excerpt(command.words.map(writeWord).join(" "))],
    });
  }
  return {
    prelude,
    processName: hasName ? command.words[2] : undefined,
    program,
    argv: command.words.slice(at + 1),
    lines: command.lines.slice(at + 1),
    line,
    source,
  };
}

/**
 * The script as text.
 *
 * @throws {NixboxError} for a word that no program can be given.
 */
export function writeScript(script: RunnerScript): string {
  const name = script.processName === undefined ? [] : ["-a", script.processName];
  const words = ["exec", ...name, script.program, ...script.argv];
  for (const word of words) requireRepresentable(word, script.source);
  return `${script.prelude}${words.map(writeWord).join(" ")}\n`;
}

/** An argument ends at a NUL, and half a surrogate pair has no UTF-8. */
function requireRepresentable(word: ShellWord, source: string): void {
  const text = typeof word === "string" ? word : word.shell;
  if (!text.includes("\0") && text.isWellFormed()) return;
  throw new NixboxError(`no program can be given the argument ${JSON.stringify(text)}`, {
    where: source,
  });
}
