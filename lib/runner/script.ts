import { NixboxError } from "../host/error.ts";
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
  readonly program: string;
  readonly argv: readonly ShellWord[];
  /** The script's line on which each word of `argv` stands; 0 for words that nixbox added. */
  readonly lines: readonly number[];
  /** Where the script was read, for messages. */
  readonly source: string;
}

/** microvm.nix leaves room for arguments of the environment, which nixbox does not use. */
const roomForArguments = "${runtime_args:-}";

/**
 * Takes a runner script apart: its last command is `exec [-a NAME] PROGRAM ARGS...`, or the same
 * within `bash -c '...'` (vfkit with a control socket), whose own first lines then join the prelude.
 *
 * @throws {NixboxError} with the line and the reason if it cannot be read so.
 */
export function readScript(text: string, source: string): RunnerScript {
  const { prelude, command } = findLastCommand(text, source, 1);
  const script = dissect(prelude, command, source);
  const nested = nestedScript(script);
  if (nested === undefined) return script;
  const line = script.lines[1] ?? 1;
  const inner = findLastCommand(nested, source, line);
  return {
    ...dissect(`${prelude}${inner.prelude}`, inner.command, source),
    processName: script.processName,
  };
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
  let reason = new ShellSyntaxError("no line begins with exec", firstLine);
  const lines = text.split("\n");
  for (const [index, line] of lines.entries()) {
    if (/^\s*exec\s/.test(line)) {
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
  throw new NixboxError(`the runner script does not parse: ${reason.message}`, {
    where: `${source}:${reason.line}`,
    hint: `nixbox reads the runners of ${knownMicrovm}; was this one changed?`,
    log: [lines[reason.line - firstLine] ?? ""].filter((line) => line !== ""),
  });
}

function dissect(prelude: string, command: SimpleCommand, source: string): RunnerScript {
  const words = [...command.words];
  const lines = [...command.lines];
  const drop = (count: number) => {
    lines.splice(0, count);
    return words.splice(0, count);
  };
  drop(1);
  const processName = words[0] === "-a" ? drop(2)[1] : undefined;
  const line = lines[0] ?? command.lines[0] ?? 1;
  const [program] = drop(1);
  if (typeof program !== "string") {
    throw new NixboxError("the runner script does not say which program it runs", {
      where: `${source}:${line}`,
      hint: `nixbox reads the runners of ${knownMicrovm}`,
    });
  }
  const isKept = words.map((word) => typeof word === "string" || word.shell !== roomForArguments);
  return {
    prelude,
    processName,
    program,
    argv: words.filter((_, index) => isKept[index]),
    lines: lines.filter((_, index) => isKept[index]),
    source,
  };
}

/** The script as text. One argument a line would be nicer to read, and one `ps` shows the same. */
export function writeScript(script: RunnerScript): string {
  const name = script.processName === undefined ? [] : ["-a", script.processName];
  const words = ["exec", ...name, script.program, ...script.argv];
  return `${script.prelude}${words.map(writeWord).join(" ")}\n`;
}
