import type { Project } from "./config.ts";
import { NixboxError } from "../base/error.ts";
import { exists } from "../host/files/files.ts";
import type { Host } from "../host/host.ts";

/**
 * What an earlier nixbox, a Bash tool, kept in `.nixbox/` beside config.nix and .gitignore: a key
 * pair that was both the way in and the guest's identity, build results, and a machine's state. Its
 * guest could write to all of it.
 */
export const earlierEntries = {
  directories: ["build", "run", "state", "tmp"],
  /** A link into the Nix store. */
  runner: "runner",
  key: "ssh/vm_key",
} as const;

/** Whether a project is one of the earlier tool's, which has not been migrated yet. */
export async function isEarlierProject({ configDirectory }: Project): Promise<boolean> {
  const marks = [earlierEntries.key, "state/.build-hash", "state/slot"];
  for (const mark of marks) if (await exists(`${configDirectory}/${mark}`)) return true;
  try {
    const target = await Deno.readLink(`${configDirectory}/${earlierEntries.runner}`);
    return target.startsWith("/nix/store/");
  } catch {
    return false;
  }
}

/** How an error or a check tells the way on. */
export const migrateHint = "`nixbox setup` migrates it: its key and its config stay";

/** @throws {NixboxError} if it is the earlier tool's: its guest could write the config. */
export async function requireMigrated(project: Project): Promise<void> {
  if (!await isEarlierProject(project)) return;
  throw new NixboxError("this project is one of the earlier nixbox", {
    where: project.configDirectory,
    hint: migrateHint,
  });
}

/** @throws {NixboxError} if the earlier tool's machine still runs. It is not touched. */
export async function requireNoEarlierMachine(host: Host, project: Project): Promise<void> {
  const pid = await earlierPid(`${project.configDirectory}/state/pid`);
  if (pid === undefined) return;
  // The guest could have written any number there; nothing is done to the process.
  const words = await host.processes.commandLine(pid) ?? [];
  if (!words.some((word) => /(^|\/)cloud-hypervisor$|^microvm@/.test(word))) return;
  throw new NixboxError(`the earlier nixbox's machine still runs (process ${pid})`, {
    hint: "end it with that tool's own `nixbox down`, or by `sudo kill`, then try again",
  });
}

async function earlierPid(file: string): Promise<number | undefined> {
  try {
    // A pipe or a link that a guest planted is not opened.
    const { isFile, size } = await Deno.lstat(file);
    if (!isFile || size > 20) return undefined;
    const text = (await Deno.readTextFile(file)).trim();
    return /^[1-9][0-9]{0,8}$/.test(text) ? Number(text) : undefined;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
