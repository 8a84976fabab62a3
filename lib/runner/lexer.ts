/**
 * One word of a shell command: its text, or, where it holds an expansion whose value only the shell
 * will know, its source as it stands (`"unix:///$SOCKET_ABS"`).
 */
export type ShellWord = string | { readonly shell: string };

/** One simple command, with the line (from 1) on which each word begins. */
export interface SimpleCommand {
  readonly words: readonly ShellWord[];
  readonly lines: readonly number[];
}

/** Why a text is not one simple command of the shell, and on which line (from 1). */
export class ShellSyntaxError extends Error {
  constructor(message: string, readonly line: number) {
    super(message);
  }
}

/**
 * Reads a text that is one simple command and nothing else, by the rules of the shell's grammar:
 * POSIX.1-2024, Shell Command Language, 2.2 Quoting and 2.3 Token Recognition, and bash's `$'...'`.
 *
 * @throws {ShellSyntaxError} for a second command, a pipe, a redirection or an open quote.
 */
export function lexSimpleCommand(text: string, firstLine = 1): SimpleCommand {
  return new Lexer(text, firstLine).command();
}

const operators = new Set("|&;<>()");
const blanks = new Set(" \t");

class Lexer {
  #at = 0;
  #line: number;

  constructor(private readonly text: string, firstLine: number) {
    this.#line = firstLine;
  }

  command(): SimpleCommand {
    const words: ShellWord[] = [];
    const lines: number[] = [];
    while (this.#skipToWord(words.length > 0)) {
      lines.push(this.#line);
      words.push(this.#word());
    }
    return { words, lines };
  }

  /** Moves to the next word; `false` at the end of the text. */
  #skipToWord(hasWords: boolean): boolean {
    while (this.#at < this.text.length) {
      const character = this.#peek();
      if (blanks.has(character)) this.#at++;
      else if (character === "\\" && this.text[this.#at + 1] === "\n") this.#take(2);
      else if (character === "\n") {
        if (hasWords) return this.#requireEnd();
        this.#take(1);
      } else if (character === "#") this.#skipComment();
      else if (operators.has(character)) throw this.#error(`unexpected "${character}"`);
      else return true;
    }
    return false;
  }

  /** A newline ends the command: only blanks and comments may follow. */
  #requireEnd(): false {
    while (this.#at < this.text.length) {
      const character = this.#peek();
      if (character === "#") this.#skipComment();
      else if (character === "\n" || blanks.has(character)) this.#take(1);
      else throw this.#error("a second command follows");
    }
    return false;
  }

  #skipComment(): void {
    while (this.#at < this.text.length && this.#peek() !== "\n") this.#at++;
  }

  #word(): ShellWord {
    const start = this.#at;
    let value = "";
    let hasExpansion = false;
    const expand = () => {
      hasExpansion = true;
      this.#expansion();
    };
    while (this.#at < this.text.length) {
      const character = this.#peek();
      if (blanks.has(character) || character === "\n" || operators.has(character)) break;
      if (character === "'") value += this.#singleQuoted();
      else if (character === '"') value += this.#doubleQuoted(expand);
      else if (character === "\\") value += this.#escaped();
      else if (character === "$" && this.text[this.#at + 1] === "'") value += this.#ansiQuoted();
      else if (character === "`" || (character === "$" && this.#startsExpansion())) expand();
      else value += this.#take(1);
    }
    return hasExpansion ? { shell: this.text.slice(start, this.#at) } : value;
  }

  #escaped(): string {
    this.#at++;
    if (this.#at >= this.text.length) return "\\";
    const character = this.#take(1);
    return character === "\n" ? "" : character;
  }

  #singleQuoted(): string {
    const line = this.#line;
    const end = this.text.indexOf("'", this.#at + 1);
    if (end < 0) throw new ShellSyntaxError("a single quote is not closed", line);
    return this.#take(end + 1 - this.#at).slice(1, -1);
  }

  #doubleQuoted(expand: () => void): string {
    const line = this.#line;
    this.#at++;
    let value = "";
    while (this.#at < this.text.length) {
      const character = this.#peek();
      if (character === '"') {
        this.#at++;
        return value;
      }
      if (character === "\\") {
        const next = this.text[this.#at + 1] ?? "";
        // Inside double quotes the backslash escapes only these (POSIX 2.2.3).
        if ('$`"\\\n'.includes(next) && next !== "") value += this.#escaped();
        else value += this.#take(1);
      } else if (character === "`" || (character === "$" && this.#startsExpansion())) expand();
      else value += this.#take(1);
    }
    throw new ShellSyntaxError("a double quote is not closed", line);
  }

  /** bash's `$'...'`; only the escapes that quoting tools write. */
  #ansiQuoted(): string {
    const line = this.#line;
    const escapes: Record<string, string> = {
      n: "\n",
      t: "\t",
      r: "\r",
      "\\": "\\",
      "'": "'",
      '"': '"',
    };
    this.#at += 2;
    let value = "";
    while (this.#at < this.text.length) {
      const character = this.#take(1);
      if (character === "'") return value;
      if (character !== "\\") {
        value += character;
        continue;
      }
      const escape = escapes[this.#peek()];
      if (escape === undefined) throw this.#error(`unknown escape \\${this.#peek()} in $'...'`);
      this.#at++;
      value += escape;
    }
    throw new ShellSyntaxError("a $' quote is not closed", line);
  }

  #startsExpansion(): boolean {
    return /[A-Za-z0-9_{(@*#?$!-]/.test(this.text[this.#at + 1] ?? "");
  }

  /** Moves over an expansion whose value is not known here. */
  #expansion(): void {
    const line = this.#line;
    if (this.#peek() === "`") {
      const end = this.text.indexOf("`", this.#at + 1);
      if (end < 0) throw new ShellSyntaxError("a backquote is not closed", line);
      this.#take(end + 1 - this.#at);
      return;
    }
    const opening = this.text[this.#at + 1] ?? "";
    if (opening !== "{" && opening !== "(") {
      const name = /^\$(?:[A-Za-z_][A-Za-z0-9_]*|.)/.exec(this.text.slice(this.#at));
      this.#take(name?.[0].length ?? 1);
      return;
    }
    const closing = opening === "{" ? "}" : ")";
    let depth = 0;
    this.#at++;
    while (this.#at < this.text.length) {
      const character = this.#take(1);
      if (character === opening) depth++;
      if (character === closing && --depth === 0) return;
    }
    throw new ShellSyntaxError(`"$${opening}" is not closed`, line);
  }

  #peek(): string {
    return this.text[this.#at] ?? "";
  }

  #take(count: number): string {
    const taken = this.text.slice(this.#at, this.#at + count);
    this.#at += count;
    for (const character of taken) if (character === "\n") this.#line++;
    return taken;
  }

  #error(message: string): ShellSyntaxError {
    return new ShellSyntaxError(message, this.#line);
  }
}

/** Writes a word so that the shell reads it as it is meant. */
export function writeWord(word: ShellWord): string {
  if (typeof word !== "string") return word.shell;
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
