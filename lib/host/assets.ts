import { NixboxError } from "./error.ts";
import { exists } from "./files.ts";

/**
 * Where nixbox's own Nix files are: `flake.nix`, `flake.lock` and `nix/`. In the source tree that is
 * its root; beside a bundle, `share/nixbox`.
 *
 * @throws {NixboxError} if the installation is incomplete.
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
    return await Deno.realPath(candidate);
  }
  throw new NixboxError("this installation of nixbox lacks its Nix files", {
    where: here,
    hint: "install it again, or set NIXBOX_ASSETS to a directory with flake.nix and nix/",
  });
}
