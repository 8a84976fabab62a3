import { NixboxError } from "../../base/error.ts";
import { exists } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { run } from "../../host/process/run.ts";
import { installHint } from "../../host/tools.ts";
import { type ConfinedProgram, parseLoadedObjects } from "../../share/sftp.ts";

/** A program and the libraries that it loads, as this host has them. */
export async function confinedProgram(host: Host, path: string): Promise<ConfinedProgram> {
  const { stdout } = await run([path], {
    env: { LD_TRACE_LOADED_OBJECTS: "1" },
    // A program without a loader runs, and says that it was given no arguments.
    accept: "any",
    timeoutMs: 5000,
  });
  const chroot = await host.which("chroot") ?? "chroot";
  return { path, libraries: parseLoadedObjects(stdout), chroot };
}

/**
 * A program of macOS' own, which needs nothing beside the system's libraries: one of Nix' or Homebrew's
 * would have to see all of their packages. Elsewhere, what `otherwise` finds.
 */
export async function systemProgram(
  path: string,
  otherwise: () => Promise<string>,
): Promise<string> {
  return await exists(path) ? path : await otherwise();
}

/**
 * Where OpenSSH's SFTP server is: distributions put it beside, not on, PATH; Nix in the package of
 * ssh itself.
 */
export async function findSftpServer(host: Host): Promise<string> {
  const ssh = await host.which("ssh");
  const home = ssh === undefined ? "" : (await Deno.realPath(ssh)).replace(/\/bin\/[^/]*$/, "");
  const directories = ["lib/openssh", "libexec/openssh", "lib/ssh", "libexec"];
  const candidates = [home, "/usr"].flatMap((prefix) =>
    directories.map((directory) => `${prefix}/${directory}/sftp-server`)
  );
  for (const candidate of candidates) {
    if (await exists(candidate)) return await Deno.realPath(candidate);
  }
  throw new NixboxError("this host has no sftp-server, which --via sshfs needs", {
    hint: await installHint(["sftp-server"]),
  });
}
