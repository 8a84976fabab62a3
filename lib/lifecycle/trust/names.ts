import { NixboxError } from "../../base/error.ts";
import { run, toolMs } from "../../host/process/run.ts";

/**
 * Refuses directories with names that are not UTF-8: Deno does not list such files, so that they would
 * not count, and a hook can run them all the same.
 *
 * @throws {NixboxError} that names the directory.
 */
export async function requireReadableNames(directories: readonly string[]): Promise<void> {
  if (directories.length === 0) return;
  const argv = ["find", "-P", ...directories, "-print0"];
  // What is not UTF-8 is read as U+FFFD, and nobody has that in a name on purpose.
  const { stdout } = await run(argv, { cwd: "/", accept: "any", timeoutMs: toolMs });
  const name = stdout.split("\0").find((path) => path.includes("\ufffd"));
  if (name !== undefined) {
    throw new NixboxError(`${name} has a name that is not UTF-8`, {
      where: name,
      hint: "rename it or remove it: where hooks run, every file counts",
    });
  }
}
