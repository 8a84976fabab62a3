import { lstatIfExists, removeIfExists } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { parentOf, resolvePath } from "../../base/paths.ts";
import type { Gathered } from "./gathered.ts";

/**
 * A private copy of what was gathered, each file below {@linkcode Snapshot.files} at its absolute
 * path: what is evaluated, built and run is what was hashed, whatever happens to the originals.
 */
export class Snapshot {
  private constructor(
    /** The user's alone; the caller removes it by disposing of the snapshot. */
    readonly directory: string,
  ) {}

  /** Where the file system's root is in the copy. */
  get files(): string {
    return `${this.directory}/files`;
  }

  /** Makes an empty one, where programs may be run from: temporary directories may forbid it. */
  static async make(host: Pick<Host, "paths">): Promise<Snapshot> {
    const dir = `${host.paths.state}/snapshots`;
    await Deno.mkdir(dir, { recursive: true, mode: 0o700 });
    await sweep(dir);
    const snapshot = new Snapshot(await Deno.makeTempDir({ dir }));
    await Deno.mkdir(snapshot.files);
    return snapshot;
  }

  /** Writes what was gathered; what is there already from an earlier look is replaced. */
  async write(gathered: Gathered): Promise<void> {
    await removeIfExists(this.files);
    await Deno.mkdir(this.files);
    const made = new Set<string>();
    const makeDirectory = async (path: string) => {
      if (made.has(path)) return;
      await Deno.mkdir(path, { recursive: true });
      made.add(path);
    };
    for (const [path, entry] of gathered.entries) {
      const to = `${this.files}${path}`;
      await makeDirectory(entry.kind === "directory" ? to : parentOf(to));
      if (entry.kind === "file" && !entry.isHashedOnly) {
        const mode = entry.isProgram ? 0o700 : 0o600;
        await Deno.writeFile(to, entry.content, { mode, createNew: true });
      } else if (entry.kind === "symlink") {
        await Deno.symlink(inside(path, entry.target), to);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await removeIfExists(this.directory);
  }
}

/** No command reads a project for so long. */
const staleMs = 24 * 60 * 60_000;

/** Removes what programs that were killed have left. */
async function sweep(directory: string): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    const info = await lstatIfExists(path);
    if (Date.now() - (info?.mtime?.getTime() ?? Infinity) > staleMs) await removeIfExists(path);
  }
}

/**
 * A link's target as it is reached from within the copy: with exactly so many "..", that however many the
 * original had, none leads out. No entry lies below a link, so the depth is the real one.
 */
function inside(path: string, target: string): string {
  const end = resolvePath(parentOf(path), target);
  return `${"../".repeat(path.split("/").length - 2)}${end.slice(1)}` || ".";
}
