import { NixboxError } from "../../base/error.ts";
import { lstatIfExists } from "./files.ts";
import { within } from "../../base/wait.ts";

/** Opening a regular file takes no time; opening a pipe without a writer never ends. */
const longestOpenMs = 1000;

/**
 * The bytes of a file that somebody else may have put there: a regular file, no symlink, of a size
 * that is bounded. `undefined` if there is nothing at the path.
 *
 * @param mostBytes A larger file is refused, also one that grows while it is read.
 * @throws {NixboxError} that names the path and what it is instead.
 */
export async function readRegularFile(
  path: string,
  mostBytes: number,
): Promise<Uint8Array<ArrayBuffer> | undefined> {
  const seen = await lstatIfExists(path);
  if (seen === undefined) return undefined;
  if (!seen.isFile) throw unusable(path, "is not a regular file");
  const opened = await within(longestOpenMs, Deno.open(path));
  if (opened === "late") throw unusable(path, "cannot be opened");
  using file = opened;
  const { dev, ino, isFile, size } = await file.stat();
  if (!isFile || dev !== seen.dev || ino !== seen.ino) {
    throw unusable(path, "was replaced while it was read");
  }
  if (size > mostBytes) throw unusable(path, `is larger than ${mostBytes} bytes`);
  const bytes = new Uint8Array(size);
  let length = 0;
  while (length < size) {
    const count = await file.read(bytes.subarray(length));
    if (count === null) break;
    length += count;
  }
  return bytes.subarray(0, length);
}

function unusable(path: string, what: string): NixboxError {
  return new NixboxError(`${path} ${what}`, {
    where: path,
    hint: "look at it, and remove it if it is not yours",
  });
}
