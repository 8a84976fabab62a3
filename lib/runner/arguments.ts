import { NixboxError } from "../base/error.ts";
import { type ShellWord, writeWord } from "./lexer.ts";
import { knownMicrovm, type RunnerScript } from "./script.ts";

/**
 * How many of the words after a flag are its values. A program's own rule, so that a value that looks
 * like a flag (`-append -m`) is not taken for one.
 */
export type FlagGrammar = (flag: string, following: readonly ShellWord[]) => number;

/** A flag's value and where it stands; it is true until words are added or taken away. */
export interface FlagValue {
  readonly index: number;
  /** The value; for a word with expansions, its source. */
  readonly value: string;
  readonly line: number;
}

interface Flag {
  readonly name: string;
  readonly at: number;
  readonly count: number;
}

/** The argv of a hypervisor while it is being changed; the script that it comes from stays as it is. */
export class ArgumentList {
  #words: { word: ShellWord; line: number }[];

  constructor(readonly script: RunnerScript, private readonly grammar: FlagGrammar) {
    this.#words = script.argv.map((word, index) => ({ word, line: script.lines[index] ?? 0 }));
  }

  /** The script with the changed argv. */
  toScript(): RunnerScript {
    return {
      ...this.script,
      argv: this.#words.map(({ word }) => word),
      lines: this.#words.map(({ line }) => line),
    };
  }

  /** Every value of a flag, in order: those of a flag that takes several, and of one that is repeated. */
  values(flag: string): readonly FlagValue[] {
    return this.#flags(flag).flatMap(({ at, count }) => {
      if (count === 0) throw this.lacking(`${flag} has no value`, this.#words[at]?.line);
      return this.#words.slice(at + 1, at + 1 + count).map(({ word, line }, offset) => ({
        index: at + 1 + offset,
        value: textOf(word),
        line: line === 0 ? this.script.line : line,
      }));
    });
  }

  /** The one value of a flag. @throws {NixboxError} if the runner has none. */
  require(flag: string, purpose: string): FlagValue {
    const value = this.values(flag)[0];
    if (value !== undefined) return value;
    throw this.lacking(`it has no ${flag}, which nixbox needs to ${purpose}`);
  }

  has(flag: string): boolean {
    return this.#flags(flag).length > 0;
  }

  /** Puts a value in the place of one that it does not depend on. */
  replace(value: Pick<FlagValue, "index">, text: string): void {
    const entry = this.#words[value.index];
    if (entry !== undefined) entry.word = text;
  }

  /**
   * Puts a value in the place of one that it was made from.
   *
   * @throws {NixboxError} if that one is computed by the shell, so that it is not known.
   */
  change(value: FlagValue, text: string): void {
    if (typeof this.#words[value.index]?.word !== "string") {
      throw this.lacking(`${value.value} is computed by the shell`, value.line);
    }
    this.replace(value, text);
  }

  /** Adds words at the end, before what the shell puts there (`${runtime_args:-}`). */
  append(...words: readonly string[]): void {
    const last = this.#words.findLastIndex(({ word }) =>
      typeof word === "string" || word.isOneWord
    );
    this.#insert(last + 1, words);
  }

  /** Adds values to a flag that takes several, or the flag itself. */
  appendValues(flag: string, values: readonly string[]): void {
    if (values.length === 0) return;
    const flags = this.#flags(flag);
    const last = flags.at(-1);
    if (last === undefined) return this.append(flag, ...values);
    // Where the flag is repeated for each value, its program takes one each (CH 30 to 35).
    const words = flags.length > 1 ? values.flatMap((value) => [flag, value]) : values;
    this.#insert(last.at + last.count + 1, words);
  }

  /** Takes flags away whole: switches, and those with a value that fits. */
  removeFlags(flag: string, fits: (value: string) => boolean = () => true): void {
    const gone = new Set<number>();
    for (const { at, count } of this.#flags(flag)) {
      const value = this.#words[at + 1]?.word;
      if (count > 0 && value !== undefined && !fits(textOf(value))) continue;
      for (let index = at; index <= at + count; index++) gone.add(index);
    }
    this.#words = this.#words.filter((_, index) => !gone.has(index));
  }

  /** Takes away values of a flag that takes several, and the flag with its last one. */
  removeValues(flag: string, fits: (value: string) => boolean = () => true): void {
    const gone = new Set<number>();
    for (const { at, count } of this.#flags(flag)) {
      const values = this.#words.slice(at + 1, at + 1 + count).map(({ word }) => textOf(word));
      values.forEach((value, offset) => {
        if (fits(value)) gone.add(at + 1 + offset);
      });
      if (values.every(fits)) gone.add(at);
    }
    this.#words = this.#words.filter((_, index) => !gone.has(index));
  }

  /** The error of a runner that lacks what a change needs. */
  lacking(message: string, line = this.script.line): NixboxError {
    const start = this.script.argv.slice(0, 6).map(writeWord).join(" ");
    return new NixboxError(`the runner is not as nixbox needs it: ${message}`, {
      where: `${this.script.source}:${line}`,
      hint: `rebuild it with this nixbox, which is made for ${knownMicrovm}`,
      log: [`exec ${this.script.program} ${start} ...`],
    });
  }

  #flags(name: string): Flag[] {
    const words = this.#words.map(({ word }) => word);
    const found: Flag[] = [];
    let at = 0;
    while (at < words.length) {
      const word = words[at];
      const isFlag = typeof word === "string" && word.startsWith("-");
      const count = isFlag ? this.grammar(word, words.slice(at + 1)) : 0;
      if (word === name) found.push({ name, at, count });
      at += 1 + count;
    }
    return found;
  }

  #insert(at: number, words: readonly string[]): void {
    this.#words.splice(at, 0, ...words.map((word) => ({ word, line: 0 })));
  }
}

export function textOf(word: ShellWord): string {
  return typeof word === "string" ? word : word.shell;
}

/** Whether a word can be a flag's value: one word, and no flag itself. */
export function canBeValue(word: ShellWord | undefined, flagPrefix: string): boolean {
  if (word === undefined) return false;
  return typeof word === "string" ? !word.startsWith(flagPrefix) : word.isOneWord;
}
