import type { Config, Project } from "../../config/config.ts";
import { joinPath, parentOf, resolvePath } from "../../base/paths.ts";

/** Where words of hooks and of commands are looked for. */
export interface WordPlace {
  readonly project: Pick<Project, "directory" | "configDirectory">;
  readonly home: string;
}

/** Whether anything of a config runs on this host beside Nix and nixbox itself. */
export function runsOnHost(config: Pick<Config, "hooks" | "env">): boolean {
  return hookLines(config).length > 0 || commandsOf(config).length > 0;
}

/** The lines of shell that a config has run on this host. */
export function hookLines({ hooks }: Pick<Config, "hooks">): readonly string[] {
  return Object.values(hooks).flat();
}

/** The commands that print values of variables. */
export function commandsOf({ env }: Pick<Config, "env">): readonly (readonly string[])[] {
  return Object.values(env).flatMap((value) =>
    typeof value === "object" && "command" in value ? [value.command] : []
  );
}

/**
 * The paths that hooks and commands may mean by their words, whether there is something or not. A
 * shell can name a file in ways that no list of words has (a variable, a loop): what is found here is
 * watched, and more is not promised.
 */
export async function pathsInWords(
  config: Pick<Config, "hooks" | "env">,
  place: WordPlace,
): Promise<readonly string[]> {
  const commands = commandsOf(config);
  const texts = [
    ...hookLines(config),
    ...commands.map((words) => words.join(" ")),
    ...commands.flat(),
  ];
  const found = new Set<string>();
  for (const text of texts) {
    for (const path of await pathsInText(text, place)) found.add(path);
  }
  return [...found];
}

async function pathsInText(text: string, place: WordPlace): Promise<readonly string[]> {
  const words = wordsOf(text).map((word) => known(word, place));
  const { configDirectory, directory } = place.project;
  // A line may go to another directory first.
  const directories = words.map((word) => resolvePath(configDirectory, word));
  const bases = [...new Set([configDirectory, directory, ...await onlyDirectories(directories)])];
  const found: string[] = [];
  for (const word of words) {
    for (const base of word.startsWith("/") ? ["/"] : bases) {
      const path = resolvePath(base, word);
      if (/[*?[]/.test(word)) found.push(...await matching(path));
      else found.push(path);
    }
  }
  return found;
}

/**
 * The words of a line of shell: without quotes and backslashes, what stands in quotes also as a whole,
 * and what follows "=" also by itself. Where its output goes is not a file that it reads.
 */
export function wordsOf(line: string): readonly string[] {
  const text = line.replaceAll(/(?:\d|&)?>{1,2}\s*("[^"]*"|'[^']*'|[^\s;|&<>()]+)/g, " ");
  const quoted = [...text.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, a, b]) => a ?? b ?? "");
  const words = text.replaceAll(/\$\{(\w+)\}/g, "$$$1").replaceAll(/["'\\]/g, "")
    .split(/[\s;|&<>(){}`]+/);
  const all = [...words, ...quoted, line];
  const values = all.filter((word) => word.includes("="))
    .map((word) => word.slice(word.indexOf("=") + 1));
  return [...new Set([...all, ...values])].filter((word) => word !== "" && !word.includes("\0"));
}

function known(word: string, { project, home }: WordPlace): string {
  return word
    .replace(/^\$NIXBOX_PROJECT(?![A-Za-z0-9_])/, project.directory)
    .replace(/^\$PWD(?![A-Za-z0-9_])/, project.configDirectory)
    .replace(/^(~(?=\/|$)|\$HOME(?![A-Za-z0-9_]))/, home);
}

async function onlyDirectories(paths: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const path of new Set(paths)) {
    if (await Deno.stat(path).then((info) => info.isDirectory, () => false)) found.push(path);
  }
  return found;
}

/** What a pattern in the last name of a path fits; the directory itself where others have one. */
async function matching(path: string): Promise<readonly string[]> {
  const directory = parentOf(path);
  if (/[*?[]/.test(directory)) return [];
  const pattern = path.slice(directory.length).replace(/^\//, "").split("")
    .map((character) => character === "*" ? ".*" : character === "?" ? "." : character)
    .join("").replace(
      /[.+^${}()|\\](?!\*)/g,
      (character) => character === "." ? "." : `\\${character}`,
    );
  let fits: RegExp;
  try {
    fits = new RegExp(`^${pattern}$`);
  } catch {
    return [directory];
  }
  try {
    const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
    return names.filter((name) => fits.test(name)).map((name) => joinPath(directory, name));
  } catch {
    return [];
  }
}
