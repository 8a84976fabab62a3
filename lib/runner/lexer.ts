import { ansiEscape } from "./ansi_quoting.ts";
import { ShellSyntaxError } from "./shell_syntax_error.ts";

export { ShellSyntaxError };

/**
 * One word of a shell command: its text, or, where it holds an expansion whose value only the shell
 * will know, its source as it stands (`"unix:///$SOCKET_ABS"`).
 */
export type ShellWord = string | {
  readonly shell: string;
  /** Whether it is one word whatever the values are; `$x` without quotes may be none, or several. */
  readonly isOneWord: boolean;
};

/** One simple command, with the line (from 1) on which each word begins. */
export interface SimpleCommand {
  readonly words: readonly ShellWord[];
  readonly lines: readonly number[];
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
/** What bash expands outside quotes beside `$`: patterns, a home directory, braces. */
const patterns = new Set("*?[~{");

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
    while (!this.#isAtEnd()) {
      const character = this.#peek();
      if (blanks.has(character)) this.#take(1);
      else if (this.#startsWith("\\\n")) this.#take(2);
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
    while (!this.#isAtEnd()) {
      const character = this.#peek();
      if (character === "#") this.#skipComment();
      else if (character === "\n" || blanks.has(character)) this.#take(1);
      else throw this.#error("a second command follows");
    }
    return false;
  }

  #skipComment(): void {
    while (!this.#isAtEnd() && this.#peek() !== "\n") this.#take(1);
  }

  #word(): ShellWord {
    const start = this.#at;
    let value = "";
    let hasExpansion = false;
    let isOneWord = true;
    while (!this.#isAtEnd()) {
      const character = this.#peek();
      if (blanks.has(character) || character === "\n" || operators.has(character)) break;
      if (character === "'") value += this.#singleQuoted();
      else if (character === '"' || this.#startsWith('$"')) {
        value += this.#doubleQuoted((source) => {
          hasExpansion = true;
          // "$@" and "${list[@]}" are as many words as the list has.
          if (/^\$\{?[^}]*@/.test(source)) isOneWord = false;
        });
      } else if (character === "\\") value += this.#escaped();
      else if (this.#startsWith("$'")) value += this.#ansiQuoted();
      else if (patterns.has(character) || this.#startsExpansion()) {
        hasExpansion = true;
        isOneWord = false;
        if (patterns.has(character)) this.#take(1);
        else this.#skipExpansion(false);
      } else value += this.#take(1);
    }
    return hasExpansion ? { shell: this.text.slice(start, this.#at), isOneWord } : value;
  }

  #escaped(): string {
    this.#take(1);
    // A backslash that ends the text stands for itself.
    if (this.#isAtEnd()) return "\\";
    const character = this.#take(1);
    return character === "\n" ? "" : character;
  }

  #singleQuoted(): string {
    const end = this.text.indexOf("'", this.#at + 1);
    if (end < 0) throw this.#error("a single quote is not closed");
    return this.#take(end + 1 - this.#at).slice(1, -1);
  }

  #doubleQuoted(onExpansion: (source: string) => void): string {
    const line = this.#line;
    this.#take(this.#peek() === "$" ? 2 : 1);
    let value = "";
    while (!this.#isAtEnd()) {
      const character = this.#peek();
      if (character === '"') {
        this.#take(1);
        return value;
      }
      if (character === "\\") {
        // Inside double quotes the backslash escapes only these (POSIX 2.2.3).
        const next = this.text[this.#at + 1];
        value += next !== undefined && '$`"\\\n'.includes(next) ? this.#escaped() : this.#take(1);
      } else if (this.#startsExpansion()) onExpansion(this.#skipExpansion(true));
      else value += this.#take(1);
    }
    throw new ShellSyntaxError("a double quote is not closed", line);
  }

  #ansiQuoted(): string {
    const line = this.#line;
    this.#take(2);
    let value = "";
    while (!this.#isAtEnd()) {
      const character = this.#peek();
      if (character === "'") {
        this.#take(1);
        return value;
      }
      if (character !== "\\") {
        value += this.#take(1);
        continue;
      }
      const escape = ansiEscape(this.text.slice(this.#at));
      if (escape === undefined) throw this.#error("an escape in $'...' that is not known");
      this.#take(escape.length);
      value += escape.value;
    }
    throw new ShellSyntaxError("a $' quote is not closed", line);
  }

  #startsExpansion(): boolean {
    if (this.#peek() === "`") return true;
    return this.#peek() === "$" && /[A-Za-z0-9_{(@*#?$!-]/.test(this.text[this.#at + 1] ?? "");
  }

  /** Moves over an expansion whose value is not known here, and gives its source. */
  #skipExpansion(isDoubleQuoted: boolean): string {
    const start = this.#at;
    const line = this.#line;
    if (this.#peek() === "`") {
      this.#take(1);
      while (!this.#isAtEnd() && this.#peek() !== "`") this.#take(this.#peek() === "\\" ? 2 : 1);
      if (this.#isAtEnd()) throw new ShellSyntaxError("a backquote is not closed", line);
      this.#take(1);
    } else if (this.#startsWith("${") || this.#startsWith("$(")) {
      const closing = this.#take(2) === "${" ? "}" : ")";
      this.#skipTo(closing, line, isDoubleQuoted);
    } else {
      const name = /^\$(?:[A-Za-z_][A-Za-z0-9_]*|.)/s.exec(this.text.slice(this.#at));
      this.#take(name?.[0].length ?? 1);
    }
    return this.text.slice(start, this.#at);
  }

  /** Moves behind the brace or parenthesis that closes an expansion; quoted ones do not count. */
  #skipTo(closing: "}" | ")", line: number, isDoubleQuoted: boolean): void {
    // In "${x:-it's}" the single quote is a plain character (POSIX 2.2.3).
    const quotes = closing === ")" || !isDoubleQuoted;
    while (!this.#isAtEnd()) {
      const character = this.#peek();
      if (character === closing) {
        this.#take(1);
        return;
      }
      if (character === "\\") this.#take(2);
      else if (quotes && character === "'") this.#singleQuoted();
      else if (quotes && this.#startsWith("$'")) this.#ansiQuoted();
      else if (character === '"') this.#doubleQuoted(() => {});
      else if (closing === ")" && character === "(") {
        this.#take(1);
        this.#skipTo(")", line, false);
      } else if (this.#startsExpansion()) this.#skipExpansion(!quotes);
      else this.#take(1);
    }
    throw new ShellSyntaxError(`"$${closing === "}" ? "{" : "("}" is not closed`, line);
  }

  #isAtEnd(): boolean {
    return this.#at >= this.text.length;
  }

  #peek(): string {
    return this.text[this.#at] ?? "";
  }

  #startsWith(prefix: string): boolean {
    return this.text.startsWith(prefix, this.#at);
  }

  #take(count: number): string {
    const taken = this.text.slice(this.#at, this.#at + count);
    this.#at += taken.length;
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
