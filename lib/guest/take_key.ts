import { ensurePrivateDirectory, removeIfExists } from "../host/files/files.ts";
import type { Host } from "../host/host.ts";
import { parentOf } from "../base/paths.ts";
import { run, toolMs } from "../host/process/run.ts";
import { type KeyPair, mostKeyBytes } from "./keys.ts";

/**
 * Copies an Ed25519 key that a guest could have replaced to a pair of the project's. The public half
 * is computed from the private one. A link is not followed: what it leads to would go to the guest.
 *
 * @returns Why it cannot be taken; `undefined` if it was.
 */
export async function takeKey(
  host: Host,
  file: string,
  pair: KeyPair,
): Promise<string | undefined> {
  const { isFile, size, uid, nlink } = await Deno.lstat(file);
  if (!isFile) return `${file} is not an ordinary file`;
  if (size > mostKeyBytes) return `${file} is too big for a key`;
  // Another name of a file elsewhere, which only its owner or root could have made.
  if (uid !== host.user.uid || (nlink ?? 1) > 1) return `${file} is not this project's alone`;
  await ensurePrivateDirectory(parentOf(pair.privateFile), host.user.uid);
  try {
    await Deno.writeTextFile(pair.privateFile, await Deno.readTextFile(file), {
      createNew: true,
      mode: 0o600,
    });
    const { code, stdout } = await run(
      ["ssh-keygen", "-y", "-P", "", "-f", pair.privateFile],
      { accept: "any", timeoutMs: toolMs },
    );
    if (code === 0 && stdout.startsWith("ssh-ed25519 ")) {
      await Deno.writeTextFile(pair.publicFile, stdout, { mode: 0o644 });
      return undefined;
    }
  } catch (error) {
    await removeIfExists(pair.privateFile);
    throw error;
  }
  await removeIfExists(pair.privateFile);
  return `${file} is not an Ed25519 key without a passphrase`;
}
