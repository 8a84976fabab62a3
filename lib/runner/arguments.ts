import { NixboxError } from "../host/error.ts";
import type { ShellWord } from "./lexer.ts";
import { knownMicrovm, type RunnerScript } from "./script.ts";

/** The argv of a hypervisor while it is being changed; the script that it comes from stays as it is. */
export class ArgumentList {
  #words: { word: ShellWord; line: number }[];

  constructor(readonly script: RunnerScript) {
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

  /** Every value of a flag that takes one value, in order. Words with expansions count as their source. */
  values(flag: string): readonly FlagValue[] {
    return this.#words.flatMap(({ word, line }, index) => {
      if (word !== flag) return [];
      const next = this.#words[index + 1];
      if (next === undefined) throw this.lacking(`${flag} has no value`, line);
      return [{ index: index + 1, value: textOf(next.word), line: next.line }];
    });
  }

  /** The values of a flag that takes several: up to the next word that begins with `--`. */
  manyValues(flag: string): readonly FlagValue[] {
    const found: FlagValue[] = [];
    this.#words.forEach(({ word }, index) => {
      if (word !== flag) return;
      for (let at = index + 1; at < this.#words.length; at++) {
        const next = this.#words[at];
        if (next === undefined || textOf(next.word).startsWith("--")) break;
        found.push({ index: at, value: textOf(next.word), line: next.line });
      }
    });
    return found;
  }

  /** The one value of a flag. @throws {NixboxError} if the runner has none. */
  require(flag: string, purpose: string): FlagValue {
    const value = this.values(flag)[0];
    if (value !== undefined) return value;
    throw this.lacking(`it has no ${flag}, which nixbox needs to ${purpose}`);
  }

  has(flag: string): boolean {
    return this.#words.some(({ word }) => word === flag);
  }

  set(value: Pick<FlagValue, "index">, word: ShellWord): void {
    const entry = this.#words[value.index];
    if (entry !== undefined) entry.word = word;
  }

  append(...words: readonly string[]): void {
    this.#words.push(...words.map((word) => ({ word, line: 0 })));
  }

  /** Adds values to a flag that takes several, or the flag itself. */
  appendMany(flag: string, values: readonly string[]): void {
    if (values.length === 0) return;
    const last = this.manyValues(flag).at(-1);
    if (last === undefined) return this.append(flag, ...values);
    const added = values.map((word) => ({ word, line: 0 }));
    this.#words.splice(last.index + 1, 0, ...added);
  }

  /** Takes a flag without a value away. */
  removeSwitch(flag: string): void {
    this.#words = this.#words.filter(({ word }) => word !== flag);
  }

  /** Takes away the flags whose value fits. */
  removeFlags(flag: string, fits: (value: string) => boolean): void {
    const gone = new Set(
      this.values(flag).filter(({ value }) => fits(value)).flatMap((
        { index },
      ) => [index - 1, index]),
    );
    this.#words = this.#words.filter((_, index) => !gone.has(index));
  }

  /** Takes away values of a flag that takes several, and the flag with its last one. */
  removeMany(flag: string, fits: (value: string) => boolean): void {
    const values = this.manyValues(flag);
    const gone = new Set(values.filter(({ value }) => fits(value)).map(({ index }) => index));
    const isEmpty = values.every(({ index }) => gone.has(index));
    this.#words = this.#words.filter(({ word }, index) =>
      !gone.has(index) && !(isEmpty && word === flag)
    );
  }

  /** The error of a runner that lacks what a change needs. */
  lacking(message: string, line = this.script.lines[0] ?? 1): NixboxError {
    return new NixboxError(`the runner is not as nixbox needs it: ${message}`, {
      where: `${this.script.source}:${line}`,
      hint: `rebuild it with this nixbox, which is made for ${knownMicrovm}`,
      log: [
        `${this.script.program} ${
          this.#words.slice(0, 6).map(({ word }) => textOf(word)).join(" ")
        } ...`,
      ],
    });
  }
}

/** A flag's value and where it stands; it is true until words are added or taken away. */
export interface FlagValue {
  readonly index: number;
  readonly value: string;
  readonly line: number;
}

export function textOf(word: ShellWord): string {
  return typeof word === "string" ? word : word.shell;
}
