import { NixboxError } from "../../base/error.ts";
import { exists } from "../files/files.ts";

/**
 * The command that runs this nixbox: for the one process that nixbox leaves running. A
 * compiled program is that itself; else it is deno with main.ts of the source tree, or main.js of the
 * bundle, even where a script of the user's runs nixbox as a library. One that was imported from an
 * address uses the copy that `NIXBOX_ASSETS` names.
 *
 * @param here The directory of this module, or of what it was bundled into.
 * @throws {NixboxError} if the installation is incomplete.
 */
export async function ownCommand(
  here: string | undefined = import.meta.dirname,
): Promise<readonly string[]> {
  if (Deno.build.standalone) return [Deno.execPath()];
  for (const main of mainPrograms(here)) {
    if (!await exists(main)) continue;
    const options = ["--quiet", "--no-prompt", "--cached-only", "--allow-all"];
    return [Deno.execPath(), "run", ...options, await Deno.realPath(main)];
  }
  if (here === undefined) throw notOnDisk(import.meta.url);
  throw new NixboxError("this installation of nixbox lacks its main program", { where: here });
}

/** The bundle's first: two directories above it may be anybody's main.ts. */
function mainPrograms(here: string | undefined): readonly string[] {
  if (here !== undefined) return [`${here}/main.js`, `${here}/../../../main.ts`];
  const given = Deno.env.get("NIXBOX_ASSETS");
  return given === undefined ? [] : [`${given}/../../lib/main.js`, `${given}/main.ts`];
}

/** What was imported from an address lacks what nixbox reads beside its code. */
export function notOnDisk(address: string): NixboxError {
  return new NixboxError("nixbox was imported from an address, without its Nix files", {
    where: address,
    hint: "import it by its path from a copy on this disk, or set NIXBOX_ASSETS to the directory " +
      "of a copy of the same version, the one with flake.nix and nix/",
  });
}
