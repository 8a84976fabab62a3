import { NixboxError } from "../base/error.ts";
import { exists, readTextIfExists } from "./files/files.ts";
import { notOnDisk } from "./process/own_command.ts";
import { unpackOnce } from "./files/unpack.ts";

/**
 * Where nixbox's own Nix files are: `flake.nix`, `flake.lock` and `nix/`. In the source tree that is
 * its root; beside a bundle, `share/nixbox`; a compiled program, whose files no other program can
 * read, unpacks them into the user's cache first. Imported from an
 * address, nixbox needs a copy of itself on this disk for them, which `NIXBOX_ASSETS` names.
 *
 * @throws {NixboxError} if there is no such copy, the installation is incomplete, or the cache cannot be written.
 */
export async function assetsDirectory(): Promise<string> {
  const given = Deno.env.get("NIXBOX_ASSETS");
  const here = import.meta.dirname;
  // Run from an address it has nothing beside itself, and must not take what the caller's directory has.
  const beside = here === undefined
    ? []
    : [`${here}/../..`, `${here}/share/nixbox`, `${here}/../share/nixbox`];
  for (const candidate of given === undefined ? beside : [given, ...beside]) {
    if (!await exists(`${candidate}/nix/resolve.nix`)) continue;
    if (Deno.build.standalone && candidate !== given) return await unpacked(candidate);
    return await Deno.realPath(candidate);
  }
  if (here === undefined) throw notOnDisk(import.meta.url);
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
