import { configDirectoryOf, projectAt } from "../../config/find.ts";
import { NixboxError } from "../../base/error.ts";
import { exists, fileError, lstatIfExists } from "../../host/files/files.ts";
import { assetsDirectory } from "../../host/assets.ts";
import type { Host } from "../../host/host.ts";
import { pathBelow } from "../../base/paths.ts";
import { acceptNew } from "../trust/consent.ts";

/** The project's keys stay out of version control; its flake.lock belongs in it. */
export const gitignore = "/ssh/\n";

/**
 * Writes `.nixbox/config.nix` and `.nixbox/.gitignore` into a directory; gives their paths. What it
 * wrote is accepted, if there is nothing else.
 *
 * @throws {NixboxError} if there is a config already; nothing is written then.
 */
export async function initProject(host: Host, directory: string): Promise<readonly string[]> {
  const real = await realDirectory(directory);
  const configDirectory = configDirectoryOf(real);
  const files = new Map([
    [`${configDirectory}/config.nix`, await exampleConfig()],
    [`${configDirectory}/.gitignore`, gitignore],
  ]);
  const config = `${configDirectory}/config.nix`;
  if (await exists(config)) {
    throw new NixboxError("this project has a config already", {
      where: config,
      hint: "edit it, or remove it first",
    });
  }
  const written = new Map<string, string>();
  try {
    if ((await lstatIfExists(configDirectory))?.isSymlink) {
      throw new NixboxError(`${configDirectory} is a symlink`, {
        where: configDirectory,
        hint: "make it a directory, or remove it",
      });
    }
    await Deno.mkdir(configDirectory, { recursive: true });
    for (const [file, text] of files) {
      if (await exists(file)) continue;
      await Deno.writeTextFile(file, text, { createNew: true });
      written.set(pathBelow(file, real), text);
    }
  } catch (error) {
    if (error instanceof NixboxError) throw error;
    throw fileError(`${configDirectory} could not be written`, error);
  }
  await acceptNew(host, await projectAt(host, real), written);
  return [...written.keys()].map((name) => `${real}/${name}`);
}

async function realDirectory(directory: string): Promise<string> {
  try {
    return await Deno.realPath(directory);
  } catch (error) {
    throw fileError(`${directory} is not there`, error);
  }
}

/** The commented example, which is also a test's input. */
async function exampleConfig(): Promise<string> {
  return await Deno.readTextFile(`${await assetsDirectory()}/nix/example-config.nix`);
}
