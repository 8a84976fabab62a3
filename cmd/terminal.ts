/** Where a command prints, and in which manner. */
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
  /** Prints to stderr; adds nothing. */
  writeError(text: string): void;
  /** Prints a line to stderr. */
  printError(line: string): void;
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

function painter(isColored: boolean): Paint {
  const style = (name: keyof Paint): Style => {
    const [on, off] = codes[name];
    return (text) => isColored ? `\x1b[${on}m${text}\x1b[${off}m` : text;
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

/** The process's own terminal. Colours only where both streams are terminals and nobody objects. */
export function processTerminal(noColor: boolean): Terminal {
  const isOutputTerminal = Deno.stdout.isTerminal();
  const isLive = Deno.stderr.isTerminal();
  const isColored = isOutputTerminal && isLive && !noColor && !Deno.noColor;
  const encoder = new TextEncoder();
  const writeTo = (stream: { writeSync(bytes: Uint8Array): number }) => (text: string) => {
    let bytes = encoder.encode(text);
    while (bytes.length > 0) bytes = bytes.subarray(stream.writeSync(bytes));
  };
  const write = writeTo(Deno.stdout);
  const writeError = writeTo(Deno.stderr);
  return {
    isLive,
    isOutputTerminal,
    paint: painter(isColored),
    write,
    print: (line) => write(`${line}\n`),
    writeError,
    printError: (line) => writeError(`${line}\n`),
  };
}

/**
 * Text that a guest may have written, made safe for a terminal: escape sequences and other control
 * characters become visible instead of acting.
 */
export function printable(text: string): string {
  // Also what changes the order of reading (Unicode's bidirectional formatting characters).
  const acting =
    // deno-lint-ignore no-control-regex -- control characters are what this is about
    /[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  return text.replace(/\r\n/g, "\n").replace(acting, (character) => {
    const code = character.charCodeAt(0).toString(16);
    return code.length > 2 ? `\\u${code.padStart(4, "0")}` : `\\x${code.padStart(2, "0")}`;
  });
}
