import type { Host, HostPaths, UserFacts } from "../host.ts";
import { runAsRoot } from "./as_root.ts";
import { ensurePrivateDirectory } from "../files/files.ts";
import { isWithin } from "../../base/paths.ts";
import { checkPrivateDirectory } from "../files/private_directory.ts";

/** Where root makes a directory for each user: nobody else can be there first, as anyone can in /tmp. */
export const usersDirectory = "/run/nixbox/users";

/** Commands that make a user's runtime directory, run as root; none where a session gave one. */
export function runtimeDirectoryCommands(
  { paths, user }: { readonly paths: Pick<HostPaths, "runtime">; readonly user: UserFacts },
): readonly (readonly string[])[] {
  if (!isWithin(paths.runtime, usersDirectory)) return [];
  const root = ["-o", "0", "-g", "0"];
  const own = ["-o", `${user.uid}`, "-g", `${user.gid}`];
  return [
    ["install", "-d", "-m", "755", ...root, "/run/nixbox", usersDirectory],
    ["install", "-d", "-m", "700", ...own, paths.runtime],
  ];
}

/**
 * Makes what is missing of the directories for sockets and secrets, and checks them.
 *
 * @throws {NixboxError} if one is not this user's alone.
 */
export async function prepareRuntimeDirectories(host: Host): Promise<void> {
  const { runtime, secrets } = host.paths;
  const { uid } = host.user;
  if (!await checkPrivateDirectory(runtime, uid)) {
    const commands = runtimeDirectoryCommands(host);
    for (const argv of commands) await runAsRoot(host, argv);
    if (commands.length === 0) await ensurePrivateDirectory(runtime, uid);
  }
  if (secrets !== runtime) await ensurePrivateDirectory(secrets, uid);
  await checkRuntimeDirectories(host);
}

/**
 * Checks the directories for sockets and secrets, where they are there; nothing is made.
 *
 * @throws {NixboxError} if one is not this user's alone.
 */
export async function checkRuntimeDirectories(host: Pick<Host, "paths" | "user">): Promise<void> {
  for (const path of new Set([host.paths.runtime, host.paths.secrets])) {
    await checkPrivateDirectory(path, host.user.uid);
  }
}
