/** A whole number of seconds from 1 to a day. Its error text is shown after the option's name. */
export function parseSeconds(input: string): number {
  const seconds = Number(input);
  if (!/^\d+$/.test(input) || seconds < 1 || seconds > 86400) {
    throw new SyntaxError(`"${input}" is not a number of seconds from 1 to 86400`);
  }
  return seconds;
}

/** A positional word that is one of several, for the parser and for completion in the shell. */
export function choiceOf<T extends string>(names: readonly T[]): {
  readonly brief: string;
  readonly parse: (input: string) => T;
  readonly proposeCompletions: (partial: string) => readonly T[];
} {
  return {
    brief: names.join(", "),
    parse: (input) => {
      const found = names.find((name) => name === input);
      if (found === undefined) throw new SyntaxError(`it must be one of ${names.join(", ")}`);
      return found;
    },
    proposeCompletions: (partial) => names.filter((name) => name.startsWith(partial)),
  };
}
