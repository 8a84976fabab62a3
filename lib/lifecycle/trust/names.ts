import { NixboxError } from "../../host/error.ts";
import { makeCommand } from "../../host/command.ts";

/**
 * Refuses directories with names that are not UTF-8: Deno does not list such files, so that they would
 * not count, and a hook can run them all the same.
 *
 * @throws {NixboxError} that names the directory.
 */
export async function requireReadableNames(directories: readonly string[]): Promise<void> {
  if (directories.length === 0) return;
  const argv = ["find", "-P", ...directories, "-print0"];
  const { stdout } = await makeCommand(argv, { cwd: "/", stdout: "piped", stderr: "null" })
    .output();
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(stdout);
  } catch {
    const text = new TextDecoder().decode(stdout);
    const name = text.split("\0").find((path) => path.includes("\ufffd")) ?? "";
    throw new NixboxError(`${name} has a name that is not UTF-8`, {
      where: name,
      hint: "rename it or remove it: where hooks run, every file counts",
    });
  }
}
