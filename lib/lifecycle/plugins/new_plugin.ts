import type { Project } from "../../config/config.ts";
import { assetsDirectory } from "../../host/assets.ts";
import { NixboxError } from "../../base/error.ts";
import { exists, fileError, removeIfExists } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { pathBelow } from "../../base/paths.ts";
import { isBuiltInPlugin } from "./plugins.ts";
import { acceptWritten, examineIfAccepted } from "../trust/consent.ts";

/** What stands for the plugin's name in the template. */
const nameInTemplate = "my-plugin";

/**
 * Writes a plugin that works into `.nixbox/plugins/NAME`, to be changed: the template that
 * `nix flake init -t` gives, too, under the name it is to have.
 *
 * @param reserved Names of nixbox's own commands, by which a plugin's could not be reached.
 * @returns Its directory.
 * @throws {NixboxError} if the name is not valid, or taken; nothing is written then.
 */
export async function newPlugin(
  host: Host,
  project: Project,
  name: string,
  reserved: readonly string[],
): Promise<string> {
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(name)) {
    throw new NixboxError(`"${name}" is not a name for a plugin`, {
      hint: "a to z, 0 to 9 and -, beginning with a letter",
      exitCode: 2,
    });
  }
  if (reserved.includes(name) || await isBuiltInPlugin(name)) {
    throw new NixboxError(`${name} is a name of nixbox's own`, { hint: "take another name" });
  }
  const directory = `${project.configDirectory}/plugins/${name}`;
  if (await exists(directory)) {
    throw new NixboxError("there is such a plugin already", { where: directory });
  }
  const template = `${await assetsDirectory()}/nix/templates/plugin`;
  const before = await examineIfAccepted(host, project);
  const written = new Map<string, string>();
  try {
    await copyTemplate(
      template,
      directory,
      name,
      (file, text) => written.set(pathBelow(file, project.directory), text),
    );
  } catch (error) {
    await removeIfExists(directory);
    throw fileError(`${directory} could not be written`, error);
  }
  await acceptWritten(host, project, before, written);
  return directory;
}

async function copyTemplate(
  from: string,
  to: string,
  name: string,
  wrote: (file: string, text: string) => void,
): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    const [source, target] = [`${from}/${entry.name}`, `${to}/${entry.name}`];
    if (entry.isDirectory) {
      await copyTemplate(source, target, name, wrote);
      continue;
    }
    const text = (await Deno.readTextFile(source)).replaceAll(nameInTemplate, name);
    const mode = text.startsWith("#!") ? 0o755 : 0o644;
    await Deno.writeTextFile(target, text, { createNew: true, mode });
    wrote(target, text);
  }
}
