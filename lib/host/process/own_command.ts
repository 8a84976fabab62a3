import { NixboxError } from "../../base/error.ts";
import { exists } from "../files/files.ts";

/**
 * The command that runs this nixbox: for the one process that nixbox leaves running. A
 * compiled program is that itself; else it is deno with main.ts of the source tree, or main.js of the
 * bundle, even where a script of the user's runs nixbox as a library.
 *
 * @param here The directory of this module, or of what it was bundled into.
 * @throws {NixboxError} if the installation is incomplete.
 */
export async function ownCommand(
  here: string = import.meta.dirname ?? ".",
): Promise<readonly string[]> {
  if (Deno.build.standalone) return [Deno.execPath()];
  // The bundle's first: two directories above it may be anybody's main.ts.
  for (const main of [`${here}/main.js`, `${here}/../../../main.ts`]) {
    if (!await exists(main)) continue;
    const options = ["--quiet", "--no-prompt", "--cached-only", "--allow-all"];
    return [Deno.execPath(), "run", ...options, await Deno.realPath(main)];
  }
  throw new NixboxError("this installation of nixbox lacks its main program", { where: here });
}
