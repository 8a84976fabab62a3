import { messageOf, NixboxError } from "../../base/error.ts";
import { sha256 } from "../../base/hash.ts";
import { followPath } from "../../host/files/follow_path.ts";
import { isWithin, parentOf, pathBelow } from "../../base/paths.ts";

/** How much a config may take in. */
export interface GatherLimits {
  readonly mostFiles: number;
  readonly mostBytes: number;
  /** Of one Nix file, which is read for what it names. */
  readonly mostNixBytes: number;
}

/** More than any config needs. */
const defaultLimits: GatherLimits = {
  mostFiles: 10_000,
  mostBytes: 64 << 20,
  mostNixBytes: 1 << 20,
};

/** One thing that was gathered, by its path without symlinks on the way. */
export type Entry =
  | { readonly kind: "directory" }
  | { readonly kind: "symlink"; readonly target: string }
  /** A pipe, socket or device: it is never opened. */
  | { readonly kind: "special" }
  /** Something that a hook names and that is not there: its coming is a change. */
  | { readonly kind: "absent" }
  | {
    readonly kind: "file";
    readonly content: Uint8Array<ArrayBuffer>;
    readonly isProgram: boolean;
    /** It is run where it lies, and counts; nothing reads it from the copy. */
    readonly isHashedOnly: boolean;
  };

/** An entry by its name. */
export interface NamedEntry {
  /** From the project's directory where it lies in there, else absolute. */
  readonly name: string;
  readonly path: string;
  readonly entry: Entry;
  /** It does not lie in the project, so its content is nobody's to show. */
  readonly isOutside: boolean;
}

/** Where a path ends. */
export interface PathEnd {
  readonly path: string;
  readonly isDirectory: boolean;
}

/** What is the same for every project: the store, and where the system has its own. */
const shared = ["/nix/store", "/usr", "/bin", "/sbin", "/lib", "/lib64", "/proc", "/dev", "/sys"];

/**
 * Files that were read once, and are hashed, evaluated and run as they were read. It only grows: what
 * is found to be another thing than it was a moment ago is refused.
 */
export class Gathered {
  readonly #entries = new Map<string, Entry>();
  /** Directories that entries lie in. */
  readonly #parents = new Set<string>();
  readonly #byHooks = new Set<string>();
  readonly #shared: readonly string[];
  #bytes = 0;

  constructor(
    /** The project's directory: files in it are named from there, so that it may be moved. */
    private readonly project: string,
    private readonly limits: GatherLimits = defaultLimits,
  ) {
    this.#shared = shared.filter((directory) => !isWithin(project, directory));
  }

  get entries(): ReadonlyMap<string, Entry> {
    return this.#entries;
  }

  addDirectory(path: string): void {
    this.#add(path, { kind: "directory" });
  }

  /** Notes that there is nothing at a path. */
  addAbsent(path: string): void {
    if (!this.#entries.has(path) && !this.#parents.has(path)) this.#add(path, { kind: "absent" });
  }

  /** The content of a file that was gathered, as text. */
  text(path: string): string | undefined {
    const entry = this.#entries.get(path);
    return entry?.kind === "file" ? new TextDecoder().decode(entry.content) : undefined;
  }

  /** Whether a hook or a command names a file. */
  isNamedByHooks(path: string): boolean {
    return this.#byHooks.has(path);
  }

  /** Reads a file, once. `path` has no symlink on the way. */
  async addFile(path: string, options: { readonly isHashedOnly?: boolean } = {}): Promise<void> {
    const { isHashedOnly = false } = options;
    if (isHashedOnly) this.#byHooks.add(path);
    if (this.#entries.get(path)?.kind === "file") return;
    try {
      const { isFile, isSymlink, size, mode } = await Deno.lstat(path);
      if (isSymlink) throw changed(path);
      if (!isFile) return this.#add(path, { kind: "special" });
      const isNix = path.endsWith(".nix");
      if (this.#bytes + size > this.limits.mostBytes) throw this.#tooMuch(path);
      if (isNix && size > this.limits.mostNixBytes) throw this.#tooMuch(path);
      const content = await readInTime(path);
      this.#bytes += content.length;
      const isProgram = ((mode ?? 0) & 0o100) !== 0;
      this.#add(path, { kind: "file", content, isProgram, isHashedOnly });
    } catch (error) {
      throw error instanceof NixboxError ? error : unreadable(path, error);
    }
  }

  /**
   * Follows a path as the kernel does, link by link, and gathers each link.
   *
   * @returns Where it ends; `undefined` where there is nothing, and in what is the same for every
   * project.
   */
  async follow(path: string): Promise<PathEnd | undefined> {
    const { path: at, isDirectory, end } = await followPath(path, (part) => {
      const isShared = this.#shared.some((directory) => isWithin(part.path, directory));
      if (isShared || part.kind === "missing") return "stop";
      if (part.kind === "hidden") throw unreadable(part.path, part.error);
      if (part.kind === "entry") {
        if (this.#entries.get(part.path)?.kind === "symlink") throw changed(part.path);
      } else if (parentOf(part.path) !== "/") {
        // Links of the system, such as macOS' /tmp, are not part of a project.
        this.#add(part.path, { kind: "symlink", target: part.target });
      }
    });
    return end === "whole" ? { path: at, isDirectory } : undefined;
  }

  /** Every entry by its name: from the project's directory where it lies in there, else absolute. */
  named(): readonly NamedEntry[] {
    return [...this.#entries].map(([path, entry]) => {
      const isOutside = !isWithin(path, this.project);
      return { name: isOutside ? path : pathBelow(path, this.project), path, entry, isOutside };
    }).sort((a, b) => a.name < b.name ? -1 : 1);
  }

  #add(path: string, entry: Entry): void {
    const before = this.#entries.get(path);
    if (before !== undefined) {
      if (!isSame(before, entry)) throw changed(path);
      return;
    }
    if (entry.kind !== "directory" && this.#parents.has(path)) throw changed(path);
    for (let parent = parentOf(path); parent !== "/"; parent = parentOf(parent)) {
      const above = this.#entries.get(parent);
      if (above !== undefined && above.kind !== "directory") throw changed(parent);
      this.#parents.add(parent);
    }
    this.#entries.set(path, entry);
    if (this.#entries.size > this.limits.mostFiles) throw this.#tooMuch(path);
  }

  #tooMuch(path: string): NixboxError {
    const { mostFiles, mostBytes, mostNixBytes } = this.limits;
    return new NixboxError(
      `the config takes in more than ${mostFiles} files, ${mostBytes >> 20} MB, or a Nix file of ` +
        `more than ${mostNixBytes >> 10} KB`,
      {
        where: path,
        hint:
          "keep in .nixbox and in plugins only what belongs to them; a directory that is only " +
          'shared is named as text: source = "../data"',
      },
    );
  }
}

function isSame(one: Entry, other: Entry): boolean {
  if (one.kind === "symlink" && other.kind === "symlink") return one.target === other.target;
  return one.kind === other.kind;
}

/** SHA-256, 64 hex digits, over names, kinds, contents, the executable bit and where links lead. */
export async function contentHash(gathered: Gathered): Promise<string> {
  return await sha256(JSON.stringify(await Promise.all(gathered.named().map(lineOf))));
}

/** All that counts of one entry. */
export async function lineOf({ name, entry }: NamedEntry): Promise<string> {
  if (entry.kind === "file") {
    const kind = entry.isProgram ? "program" : "file";
    return JSON.stringify([name, kind, await sha256(entry.content)]);
  }
  return JSON.stringify(
    entry.kind === "symlink" ? [name, "symlink", entry.target] : [name, entry.kind],
  );
}

/** A file that became a pipe since it was looked at would be waited for without end. */
const readPatienceMs = 10_000;

async function readInTime(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error("it is not a file any more")),
    readPatienceMs,
  );
  return await Promise.race([Deno.readFile(path), late.promise]).finally(() => clearTimeout(timer));
}

function unreadable(path: string, error: unknown): NixboxError {
  return new NixboxError(`${path} cannot be read: ${messageOf(error)}`, {
    where: path,
    hint: "what a config leads to is read before it is used: make it readable, or remove it",
  });
}

function changed(path: string): NixboxError {
  return new NixboxError(`${path} changed while it was read`, {
    where: path,
    hint: "try again; if it goes on, a machine that is up is changing it: `nixbox status`",
  });
}
