import { sha256 } from "../../host/hash.ts";
import type { Gathered } from "./gathered.ts";

/** A file that a hook or a command may run, as it was accepted. */
export interface HostFile {
  /** Real path. */
  readonly path: string;
  /** SHA-256 of its content. */
  readonly hash: string;
}

/** The files of an accepted content that are run rather than evaluated. */
export async function hostFilesOf(gathered: Gathered): Promise<readonly HostFile[]> {
  const files: HostFile[] = [];
  for (const [path, entry] of gathered.entries) {
    if (entry.kind !== "file" || path.endsWith(".nix") || path.endsWith("/flake.lock")) continue;
    files.push({ path, hash: await sha256(entry.content) });
  }
  return files;
}

/**
 * The first file that is not as it was accepted, by its path: a guest that writes the workspace may
 * have changed it since.
 */
export async function changedFile(files: readonly HostFile[]): Promise<string | undefined> {
  for (const { path, hash } of files) {
    try {
      const { isFile, size } = await Deno.lstat(path);
      // As much as a content may have in all.
      if (!isFile || size > 64 << 20) return path;
      if (await sha256(await Deno.readFile(path)) !== hash) return path;
    } catch {
      return path;
    }
  }
  return undefined;
}
