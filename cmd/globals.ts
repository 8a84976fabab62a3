/** Options that every command takes, wherever they stand before the command's own words. */
export interface Globals {
  /** `--project DIR` */
  readonly project: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
  readonly noColor: boolean;
}

export interface SplitCommandLine {
  readonly globals: Globals;
  /** The command and its own words. */
  readonly rest: readonly string[];
}

/** A word that a global option needs is missing. */
export class MissingValue extends Error {
  constructor(readonly option: string) {
    super(`${option} needs a value`);
  }
}

const switches: Readonly<Record<string, "json" | "quiet" | "verbose" | "noColor">> = {
  "--json": "json",
  "--quiet": "quiet",
  "-q": "quiet",
  "--verbose": "verbose",
  "--no-color": "noColor",
};

/**
 * Takes the global options out of a command line. After `--`, and after the first word that `run`
 * gets, every word belongs to the command in the guest; after a plugin's name, to the plugin.
 *
 * @throws {MissingValue} for `--project` at the end.
 */
export function splitGlobals(
  words: readonly string[],
  isCommand: (name: string) => boolean,
): SplitCommandLine {
  const found: Record<"json" | "quiet" | "verbose" | "noColor", boolean> = {
    json: false,
    quiet: false,
    verbose: false,
    noColor: false,
  };
  let project: string | undefined;
  const rest: string[] = [];
  for (let index = 0; index < words.length; index++) {
    const word = words[index] ?? "";
    const option = switches[word];
    if (rest[0] !== undefined && !isCommand(rest[0])) {
      rest.push(...words.slice(index));
      break;
    }
    if (word === "--" || (rest[0] === "run" && !word.startsWith("-"))) {
      // The mark keeps options of the command in the guest from being read as ours.
      rest.push("--", ...words.slice(word === "--" ? index + 1 : index));
      break;
    }
    if (option !== undefined) {
      found[option] = true;
    } else if (word === "--project" || word === "-p") {
      project = words[++index];
      if (project === undefined) throw new MissingValue(word);
    } else if (word.startsWith("--project=")) {
      project = word.slice("--project=".length);
    } else {
      rest.push(word);
    }
  }
  return { globals: { project, ...found }, rest };
}
