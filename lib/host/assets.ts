import { NixboxError } from "../base/error.ts";
import { exists, readTextIfExists } from "./files/files.ts";
import { unpackOnce } from "./files/unpack.ts";

/**
 * Where nixbox's own Nix files are: `flake.nix`, `flake.lock` and `nix/`. In the source tree that is
 * its root; beside a bundle, `share/nixbox`; a compiled program, whose files no other program can
 * read, unpacks them into the user's cache first.
 *
 * @throws {NixboxError} if the installation is incomplete, or the cache cannot be written.
 */
export async function assetsDirectory(): Promise<string> {
  const here = import.meta.dirname ?? ".";
  const candidates = [
    Deno.env.get("NIXBOX_ASSETS"),
    `${here}/../..`,
    `${here}/share/nixbox`,
    `${here}/../share/nixbox`,
  ];
  for (const candidate of candidates) {
    if (candidate === undefined || !await exists(`${candidate}/nix/resolve.nix`)) continue;
    if (Deno.build.standalone && candidate !== candidates[0]) return await unpacked(candidate);
    return await Deno.realPath(candidate);
  }
  throw new NixboxError("this installation of nixbox lacks its Nix files", {
    where: here,
    hint: "install it again, or set NIXBOX_ASSETS to a directory with flake.nix and nix/",
  });
}

/** The whole bundle, since plugins' commands import its library, too. */
async function unpacked(assets: string): Promise<string> {
  const id = (await readTextIfExists(`${assets}/build-id`) ?? "").trim();
  const cache = Deno.env.get("XDG_CACHE_HOME") || `${Deno.env.get("HOME")}/.cache`;
  const directory = `${cache}/nixbox/assets/${id}`;
  await unpackOnce(`${assets}/../..`, ["lib", "share"], directory);
  return `${directory}/share/nixbox`;
}
