import type { Config, Project } from "../../config/types.ts";
import { isWithin, resolvePath } from "../../host/paths.ts";

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
 * The files that hooks and commands name in their words: absolute paths, of files that belong to the
 * system left out. What such a program goes on to run by itself is not known.
 */
export async function filesInWords(
  config: Pick<Config, "hooks" | "env">,
  place: WordPlace,
): Promise<readonly string[]> {
  const words = [...hookLines(config).flatMap(wordsOfLine), ...commandsOf(config).flat()];
  const paths = new Set(words.flatMap((word) => pathsOf(word, place)));
  const found: string[] = [];
  for (const path of paths) if (await isFileOfSomebody(path)) found.push(path);
  return found;
}

/** The words of a line of shell without their quotes, and what stands in quotes as a whole. */
export function wordsOfLine(line: string): readonly string[] {
  const quoted = [...line.matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, a, b]) => a ?? b ?? "");
  const words = line.replaceAll(/\$\{(\w+)\}/g, "$$$1").split(/[\s;|&<>(){}`'"]+/);
  return [...new Set([...words, ...quoted])].filter((word) => word !== "");
}

/** What a word may name: as it stands, and behind "NAME=" or "--option=". */
function pathsOf(word: string, { project, home }: WordPlace): readonly string[] {
  const texts = [word, ...word.includes("=") ? [word.slice(word.indexOf("=") + 1)] : []];
  return texts.flatMap((text) => {
    const known = text
      .replace(/^\$(NIXBOX_PROJECT|\{NIXBOX_PROJECT\})(?![A-Za-z0-9_])/, project.directory)
      .replace(/^(~(?=\/|$)|\$(HOME|\{HOME\})(?![A-Za-z0-9_]))/, home);
    return known === "" ? [] : [resolvePath(project.configDirectory, known)];
  });
}

/** Where the system's own programs and settings are, and nobody's projects. */
const systemDirectories = [
  ...["/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", "/nix/store", "/run/current-system"],
  ...["/System", "/Library", "/Applications", "/opt", "/dev", "/proc"],
];

async function isFileOfSomebody(path: string): Promise<boolean> {
  try {
    const real = await Deno.realPath(path);
    const { isFile, uid, mode } = await Deno.stat(real);
    const isSystems = uid === 0 && ((mode ?? 0) & 0o022) === 0 &&
      systemDirectories.some((directory) => isWithin(real, directory));
    return isFile && !isSystems;
  } catch {
    return false;
  }
}
