import { printable, printableJson } from "../lib/base/printable.ts";

/**
 * Where a command prints, and in which manner: the one door for everything that nixbox says. Whatever
 * it is given may hold a guest's text, so nothing of it acts on a terminal; colours are `paint`'s alone.
 */
export interface Terminal {
  /** Whether stderr, where progress and errors go, is a terminal. */
  readonly isLive: boolean;
  /** Whether stdout is a terminal: else another program reads it. */
  readonly isOutputTerminal: boolean;
  readonly paint: Paint;
  /** Prints to stdout; adds nothing. */
  write(text: string): void;
  /** Prints a line to stdout. */
  print(line: string): void;
  /** Prints a value as JSON to stdout; it parses to the same value. */
  printJson(value: unknown, indent?: number): void;
  /** Prints to stderr; adds nothing. */
  writeError(text: string): void;
  /** Prints a line to stderr. */
  printError(line: string): void;
  /** Takes away the line that stands on stderr without an end. */
  eraseLine(): void;
  /** The one way around: bytes for another program, which gets what the guest wrote. */
  writeRaw(text: string): void;
}

type Style = (text: string) => string;
export type Paint = Readonly<Record<"bold" | "dim" | "red" | "green" | "yellow" | "cyan", Style>>;

const codes: Readonly<Record<keyof Paint, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
};

/** Stands for a colour until the door; nobody else can know it, so that no text brings one. */
const mark = `\0${crypto.randomUUID()}:`;
const marks = new RegExp(`${mark}(\\d+);`);

function painter(isColored: boolean): Paint {
  const style = (name: keyof Paint): Style => {
    const [on, off] = codes[name];
    return (text) => isColored ? `${mark}${on};${text}${mark}${off};` : text;
  };
  return {
    bold: style("bold"),
    dim: style("dim"),
    red: style("red"),
    green: style("green"),
    yellow: style("yellow"),
    cyan: style("cyan"),
  };
}

/** Text as it goes out: with paint's colours, and nothing else that acts. */
function shown(text: string): string {
  // With a group in the pattern, every second part is a colour's number.
  return text.split(marks).map((part, index) => index % 2 === 1 ? `\x1b[${part}m` : printable(part))
    .join("");
}

/** What takes bytes; the process's own streams, or a test's. */
export interface Sink {
  isTerminal(): boolean;
  writeSync(bytes: Uint8Array): number;
}

/** The process's own terminal. Colours only where both streams are terminals and nobody objects. */
export function processTerminal(
  noColor: boolean,
  output: Sink = Deno.stdout,
  errors: Sink = Deno.stderr,
  environmentWantsNone = Deno.noColor,
): Terminal {
  const isOutputTerminal = output.isTerminal();
  const isLive = errors.isTerminal();
  const isColored = isOutputTerminal && isLive && !noColor && !environmentWantsNone;
  const encoder = new TextEncoder();
  const writeTo = (stream: Sink) => (text: string) => {
    let bytes = encoder.encode(text);
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  };
  const writeRaw = writeTo(output);
  const writeRawError = writeTo(errors);
  const write = (text: string) => writeRaw(shown(text));
  const writeError = (text: string) => writeRawError(shown(text));
  return {
    isLive,
    isOutputTerminal,
    paint: painter(isColored),
    write,
    print: (line) => write(`${line}\n`),
    printJson: (value, indent) => writeRaw(`${printableJson(value, indent)}\n`),
    writeError,
    printError: (line) => writeError(`${line}\n`),
    eraseLine: () => writeRawError("\r\x1b[2K"),
    writeRaw,
  };
}
