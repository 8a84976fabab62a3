/** One line of git's config. Names of sections and variables are in small letters. */
export interface GitConfigEntry {
  readonly section: string;
  /** What stands in quotes after the section's name. */
  readonly subsection: string | undefined;
  readonly name: string;
  readonly value: string;
}

/** The variables in a text of git's config (git-config(1), "Syntax"), without what it includes. */
export function gitConfigEntries(text: string): readonly GitConfigEntry[] {
  const entries: GitConfigEntry[] = [];
  let section = "";
  let subsection: string | undefined;
  for (const whole of text.replaceAll("\\\n", "").split("\n")) {
    const header = /^\s*\[\s*([A-Za-z0-9.-]+)\s*(?:"((?:[^"\\]|\\.)*)")?\s*\]/.exec(whole);
    if (header !== null) {
      section = (header[1] ?? "").toLowerCase();
      subsection = header[2];
    }
    const line = header === null ? whole : whole.slice(header[0].length);
    const [, name, raw] = /^\s*([A-Za-z][A-Za-z0-9-]*)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    if (name === undefined || raw === undefined) continue;
    entries.push({ section, subsection, name: name.toLowerCase(), value: plainValue(raw) });
  }
  return entries;
}

/** The last value of a variable; of a section without a subsection. Names are in small letters. */
export function gitConfigValue(text: string, section: string, name: string): string | undefined {
  return gitConfigEntries(text).findLast((entry) =>
    entry.section === section && entry.subsection === undefined && entry.name === name
  )?.value;
}

/**
 * What else git obeys or runs because this config says so: files that it includes, and directories of
 * hooks. As they are written: relative to the config's directory, or to the work tree's top; `~/...`
 * is the home directory.
 */
export function gitConfigLeadsTo(
  text: string,
): { readonly included: readonly string[]; readonly hooks: readonly string[] } {
  const entries = gitConfigEntries(text);
  const valuesOf = (isWanted: (entry: GitConfigEntry) => boolean) =>
    entries.filter(isWanted).map(({ value }) => value).filter((value) => value !== "");
  return {
    included: valuesOf(({ section, name }) =>
      (section === "include" || section === "includeif") && name === "path"
    ),
    hooks: valuesOf(({ section, name }) => section === "core" && name === "hookspath"),
  };
}

function plainValue(raw: string): string {
  const quoted = /^"((?:[^"\\]|\\.)*)"/.exec(raw)?.[1];
  const bare = quoted ?? raw.replace(/\s*[#;].*$/, "");
  return bare.replace(/\\(.)/g, (_, letter) => letter === "t" ? "\t" : letter);
}
