import type { Config, Project } from "../../config/config.ts";
import { NixboxError } from "../../base/error.ts";
import { lstatIfExists } from "../../host/files/files.ts";
import { sha256 } from "../../base/hash.ts";
import { isWithin } from "../../base/paths.ts";
import type { Gathered } from "./gathered.ts";
import { pathsInWords } from "./host_words.ts";

/** Something that a hook or a command may run or read, as it was accepted. */
export interface HostFile {
  /** Absolute, without symlinks on the way. */
  readonly path: string;
  /** SHA-256 of a file's content; "link TARGET"; "absent". */
  readonly hash: string;
}

/** What of an accepted content is run rather than evaluated. */
export async function hostFilesOf(gathered: Gathered): Promise<readonly HostFile[]> {
  const files: HostFile[] = [];
  for (const [path, entry] of gathered.entries) {
    // What Nix reads is edited while a machine is up; it is used by the next one only.
    const isEvaluated = /\.nix$|\/flake\.lock$/.test(path) && !gathered.isNamedByHooks(path);
    if (isEvaluated) continue;
    if (entry.kind === "file") files.push({ path, hash: await sha256(entry.content) });
    if (entry.kind === "symlink") files.push({ path, hash: `link ${entry.target}` });
    if (entry.kind === "absent") files.push({ path, hash: "absent" });
  }
  return files;
}

/**
 * The first file that is not as it was accepted, by its path: a guest that writes the workspace may
 * have changed it since.
 */
export async function changedFile(files: readonly HostFile[]): Promise<string | undefined> {
  for (const { path, hash } of files) {
    if (await currentHash(path).catch(() => "unreadable") !== hash) return path;
  }
  return undefined;
}

async function currentHash(path: string): Promise<string> {
  const info = await lstatIfExists(path);
  if (info === undefined) return "absent";
  if (info.isSymlink) return `link ${await Deno.readLink(path)}`;
  // As much as a content may have in all.
  if (!info.isFile || info.size > 64 << 20) return "not a file";
  return await sha256(await Deno.readFile(path));
}

/**
 * Hooks that run while the guest does must not name files that it can write: between the look at a file
 * and its start, a guest could exchange it.
 *
 * @throws {NixboxError} that names the hook and the file.
 */
export async function requireNoGuestFiles(
  config: Pick<Config, "hooks" | "mounts">,
  project: Project,
  home: string,
): Promise<void> {
  const writable = config.mounts.filter(({ readonly, overlay }) => !readonly && !overlay)
    .map(({ source }) => source);
  for (const event of ["post-up", "pre-down"] as const) {
    const hooks = { "pre-up": [], "post-up": [], "pre-down": [], "post-down": [] };
    const only = { hooks: { ...hooks, [event]: config.hooks[event] }, env: {} };
    for (const path of await pathsInWords(only, { project, home })) {
      const info = await lstatIfExists(path).catch(() => undefined);
      const isHidden = isWithin(path, project.configDirectory);
      if (info === undefined || info.isDirectory || isHidden) continue;
      if (!writable.some((source) => isWithin(path, source))) continue;
      throw new NixboxError(`the ${event} hook names ${path}, which the guest can write`, {
        where: `hooks.${event}`,
        hint: "keep in .nixbox what runs here while the guest does; it does not see that",
      });
    }
  }
}
