import { literals } from "../../build/path_literals.ts";
import type { Project } from "../../config/config.ts";
import { NixboxError } from "../../base/error.ts";
import { expandHome, isWithin, joinPath, parentOf, resolvePath } from "../../base/paths.ts";
import type { Gathered } from "./gathered.ts";
import { isGuestOnly, isLeftover, scriptsNamedBy } from "./loose_files.ts";

/** What decides which files are gathered. */
export interface GatherOptions {
  /** The host's home, for `~/...`. */
  readonly home: string;
  /**
   * More files, and directories whose files all count: what the config names by text, such as a
   * plugin's directory. Absolute.
   */
  readonly roots: readonly string[];
  /** Also what no evaluation reads, since something of the project runs on this host. */
  readonly isStrict: boolean;
  /** What hooks and commands name; absolute. It counts where it lies, and nothing reads it. */
  readonly words?: readonly string[];
}

/** Names in `.nixbox` that are neither evaluated nor run: keys, what an earlier tool left. */
const leftOut: readonly string[] = ["earlier", ".gitignore"];

/**
 * Reads what the host evaluates or runs for a project: all of `.nixbox` but the keys, and from there
 * on what Nix files name by a path, directories whole. Nothing is evaluated. What is not gathered
 * is not there for the evaluation, so a path that this overlooks is an error there and no way past it.
 * Outside of the project only Nix files and plugins count: a stranger's config reads nobody's keys.
 *
 * @param gathered Gets what is found; what it has from before stays as it was read then.
 * @throws {NixboxError} for what cannot be read, and for more files than a config needs.
 */
export async function gather(
  project: Pick<Project, "directory" | "configDirectory">,
  options: GatherOptions,
  gathered: Gathered,
): Promise<void> {
  const walk = new Walk(project, options, gathered);
  await walk.directory(project.configDirectory, options.isStrict ? [] : leftOut);
  for (const root of options.roots) await walk.root(root);
  await walk.followAll();
  for (const word of options.words ?? []) await walk.word(word);
}

class Walk {
  /** Nix files whose paths are still to be followed: where they were asked for, where they lie. */
  readonly #waiting: { readonly asked: string; readonly real: string }[] = [];
  /** Scripts of the guest: left out of their directories unless something else names them. */
  readonly #held = new Set<string>();
  readonly #seen = new Set<string>();

  constructor(
    private readonly project: Pick<Project, "directory" | "configDirectory">,
    private readonly options: GatherOptions,
    private readonly gathered: Gathered,
  ) {}

  /** A directory and all that is in it. Symlinks to directories stay links. */
  async directory(path: string, without: readonly string[] = []): Promise<void> {
    this.gathered.addDirectory(path);
    const { isStrict } = this.options;
    const entries = await readDirectory(path);
    if (!isStrict) await this.#holdScripts(path, entries);
    for (const { name, isDirectory, isSymlink } of entries) {
      const entry = joinPath(path, name);
      if (without.includes(name) || this.#isKeys(entry)) continue;
      const isLoose = name === ".git" || isLeftover(name) || this.#held.has(entry);
      if (!isStrict && isLoose) continue;
      if (isDirectory) await this.directory(entry);
      else if (isSymlink) await this.#linked(entry, path);
      else await this.#file(entry);
    }
  }

  /** The project's own keys, which are noted by themselves. */
  #isKeys(path: string): boolean {
    return path === `${this.project.configDirectory}/ssh`;
  }

  /** What the config names by text: what a path may name, wherever its links lead. */
  async root(path: string): Promise<void> {
    await this.#named(path, this.project.configDirectory);
  }

  /** What a hook or a command names: a file, the files of a directory, or the lack of one. */
  async word(path: string): Promise<void> {
    const { directory: project } = this.project;
    // The word "ssh" of a hook is the program's name, too.
    if (isWithin(path, `${this.project.configDirectory}/ssh`)) return;
    const end = await this.gathered.follow(path);
    if (end === undefined) {
      if (isWithin(path, project)) this.gathered.addAbsent(path);
    } else if (!end.isDirectory) {
      await this.#word(end.path);
    } else if (!isWithin(project, end.path) && !isWithin(this.project.configDirectory, end.path)) {
      for (const { name, isFile } of await readDirectory(end.path)) {
        if (isFile) await this.#word(joinPath(end.path, name));
      }
    }
  }

  /** Elsewhere than in the project and the home, what root alone can change is the system's. */
  async #word(path: string): Promise<void> {
    const { uid, mode } = await Deno.stat(path);
    const isSystems = uid === 0 && ((mode ?? 0) & 0o022) === 0;
    const isOurs = [this.project.directory, this.options.home].some((at) => isWithin(path, at));
    if (isOurs || !isSystems) await this.gathered.addFile(path, { isHashedOnly: true });
  }

  /** A symlink among a directory's files: what it leads to counts if a path may name that. */
  async #linked(path: string, directory: string): Promise<void> {
    const end = await this.gathered.follow(path);
    if (end !== undefined && !end.isDirectory) await this.#named(path, directory);
  }

  /**
   * What a Nix file names. Elsewhere than in the project, and than beside a Nix file that lies elsewhere
   * itself, that is Nix's code and nothing else.
   */
  async #named(path: string, directory: string): Promise<void> {
    const end = await this.gathered.follow(path);
    if (end === undefined) return;
    const { directory: project } = this.project;
    const isNix = end.isDirectory ? await isFile(`${end.path}/default.nix`) : isNixFile(end.path);
    const isBeside = !isWithin(directory, project) && isWithin(end.path, directory);
    if (isNix || isBeside || isWithin(end.path, project)) await this.#whole(path);
  }

  /** What a path leads to, a directory with all that is in it. */
  async #whole(path: string): Promise<void> {
    const end = await this.gathered.follow(path);
    if (end === undefined) return;
    if (!end.isDirectory) return await this.#file(path);
    if (this.#seen.has(end.path)) return;
    this.#seen.add(end.path);
    const { directory, configDirectory } = this.project;
    if (isWithin(configDirectory, end.path) && end.path !== configDirectory) {
      throw new NixboxError(`the config takes in ${end.path}, which holds .nixbox`, {
        where: directory,
        hint: "name the files that are needed, or put them into their own directory",
      });
    }
    if (end.path !== configDirectory) await this.directory(end.path);
  }

  async followAll(): Promise<void> {
    for (let next = this.#waiting.pop(); next !== undefined; next = this.#waiting.pop()) {
      const text = this.gathered.text(next.real) ?? "";
      for (const literal of literals(text)) {
        if (literal.isString || isGuestOnly(literal)) continue;
        for (const file of new Set([next.asked, next.real])) {
          await this.#literal(parentOf(file), literal);
        }
      }
    }
  }

  /** Of a path that goes on with `${...}`, the directory before that, unless the file lies in it. */
  async #literal(
    directory: string,
    literal: { readonly path: string; readonly isComputed: boolean },
  ): Promise<void> {
    const path = expandHome(literal.path, this.options.home);
    if (!literal.isComputed) return await this.#named(resolvePath(directory, path), directory);
    const known = resolvePath(directory, path.endsWith("/") ? path : parentOf(path));
    if (!isWithin(directory, known)) await this.#named(known, directory);
  }

  async #file(path: string): Promise<void> {
    const end = await this.gathered.follow(path);
    if (end === undefined || end.isDirectory || this.#seen.has(path)) return;
    this.#seen.add(path);
    await this.gathered.addFile(end.path);
    if (isNixFile(path) || isNixFile(end.path)) this.#waiting.push({ asked: path, real: end.path });
  }

  /** Notes what Nix files of a directory name as scripts of the guest, and as nothing else. */
  async #holdScripts(directory: string, entries: readonly Deno.DirEntry[]): Promise<void> {
    for (const { name, isFile } of entries) {
      if (!isFile || !isNixFile(name) || isLeftover(name)) continue;
      const file = joinPath(directory, name);
      await this.gathered.addFile(file);
      const text = this.gathered.text(file) ?? "";
      for (const script of scriptsNamedBy(text, directory)) this.#held.add(script);
    }
  }
}

function isNixFile(path: string): boolean {
  return path.endsWith(".nix");
}

async function isFile(path: string): Promise<boolean> {
  return await Deno.stat(path).then((info) => info.isFile, () => false);
}

/** By name. A name that is not UTF-8 is not given: see names.ts. */
async function readDirectory(path: string): Promise<readonly Deno.DirEntry[]> {
  const entries = await Array.fromAsync(Deno.readDir(path));
  return entries.toSorted((a, b) => a.name < b.name ? -1 : 1);
}
