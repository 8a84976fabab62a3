import { NixboxError } from "../base/error.ts";
import { exists, fileError } from "../host/files/files.ts";
import { sha256 } from "../base/hash.ts";
import type { Host } from "../host/host.ts";
import { joinPath, parentOf } from "../base/paths.ts";
import { printableCommand } from "../host/process/run.ts";
import type { Project } from "./config.ts";

/** Where a project's own files are, by the project's directory. */
export function configDirectoryOf(directory: string): string {
  return joinPath(directory, ".nixbox");
}

/**
 * Finds the project that a directory belongs to: the nearest one, it or above it, that has
 * `.nixbox/config.nix`.
 *
 * @throws {NixboxError} if there is none, or if it is someone else's: a config runs code.
 */
export async function findProject(host: Pick<Host, "user">, start: string): Promise<Project> {
  const found = await findProjectIfAny(host, start);
  if (found !== undefined) return found;
  throw new NixboxError("this directory belongs to no nixbox project", {
    where: await realDirectory(start),
    hint: "make it one: `nixbox init`; or name one: `--project DIR`",
  });
}

/** As {@linkcode findProject}; `undefined` if there is none. */
export async function findProjectIfAny(
  host: Pick<Host, "user">,
  start: string,
): Promise<Project | undefined> {
  let directory = await realDirectory(start);
  while (!await hasConfig(directory)) {
    if (directory === "/") return undefined;
    directory = parentOf(directory);
  }
  return await checkedProject(host, directory);
}

/** The project in exactly this directory. @throws {NixboxError} as {@linkcode findProject}. */
export async function projectAt(host: Pick<Host, "user">, directory: string): Promise<Project> {
  const real = await realDirectory(directory);
  if (await hasConfig(real)) return await checkedProject(host, real);
  throw new NixboxError(`there is no .nixbox/config.nix in ${real}`, {
    where: "--project",
    hint: "make one: `nixbox init --project DIR`",
  });
}

async function hasConfig(directory: string): Promise<boolean> {
  return await exists(`${configDirectoryOf(directory)}/config.nix`);
}

async function checkedProject(host: Pick<Host, "user">, directory: string): Promise<Project> {
  const configDirectory = configDirectoryOf(directory);
  const configFile = `${configDirectory}/config.nix`;
  if ((await Deno.lstat(configDirectory)).isSymlink) {
    throw new NixboxError(`${configDirectory} is a symlink, which a guest could replace`, {
      where: configDirectory,
      hint: "make it a directory; config.nix in it may import files from elsewhere",
    });
  }
  for (const path of [directory, configDirectory, configFile]) await requireTrusted(host, path);
  return {
    id: (await sha256(directory)).slice(0, 12),
    directory,
    configDirectory,
    configFile,
  };
}

/**
 * What evaluates as this user must have been written by this user, or by root: a config found above
 * the working directory, in /tmp say, could be anybody's.
 */
async function requireTrusted(host: Pick<Host, "user">, path: string): Promise<void> {
  const { uid, mode, isDirectory } = await Deno.stat(path);
  if (!ownersToTrust(host).includes(uid ?? 0)) {
    throw new NixboxError(`${path} belongs to another user`, {
      where: path,
      hint: "nixbox runs only configs of your own: a config runs code on this host",
    });
  }
  const isWritableByAll = ((mode ?? 0) & 0o002) !== 0;
  // In a sticky directory, others may add their own files but not replace ours.
  const isSticky = isDirectory && ((mode ?? 0) & 0o1000) !== 0;
  if (!isWritableByAll || isSticky) return;
  throw new NixboxError(`${path} can be written by everybody`, {
    where: path,
    hint: printableCommand(["chmod", "o-w", path]),
  });
}

/** Root too: who is root can do anything here anyway. Under sudo, the user who called it. */
function ownersToTrust(host: Pick<Host, "user">): number[] {
  const caller = host.user.uid === 0 ? Deno.env.get("SUDO_UID") : undefined;
  return [host.user.uid, 0, ...(caller === undefined ? [] : [Number(caller)])];
}

async function realDirectory(path: string): Promise<string> {
  try {
    return await Deno.realPath(path);
  } catch (error) {
    throw fileError(`${path} is not there`, error);
  }
}
