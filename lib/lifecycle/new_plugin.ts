import type { Project } from "../config/types.ts";
import { NixboxError } from "../host/error.ts";
import { exists, fileError, removeIfExists } from "../host/files.ts";
import { parentOf } from "../host/paths.ts";
import { isBuiltInPlugin } from "./plugins.ts";

const defaultNix = (name: string) =>
  `# ${name}: what it brings, in one line; \`nixbox plugins\` shows this.
#
# A plugin is part of a config, or a function of what is known of the host. It may not set env.
{ home, ... }:
{
  nix.packages = [ "hello" ]; # names in nixpkgs

  network.domains = [ ]; # what it needs in mode filtered

  # A directory of the host, if it is there: what the guest changes stays in the guest.
  mounts =
    if builtins.pathExists "\${home}/.config/${name}" then
      [
        {
          source = "~/.config/${name}";
          target = "~/.config/${name}";
          overlay = true;
        }
      ]
    else
      [ ];

  scripts = [ ./scripts/setup.sh ]; # run in the guest after boot
}
`;

const setupScript = (name: string) =>
  `#!/bin/sh
# Runs in the guest after boot, as its user, with the project's env.
echo "${name} is set up on $(uname -n)"
`;

const helloCommand = (name: string) =>
  `#!/bin/sh
# says what a command knows: nixbox ${name} hello
echo "machine $NIXBOX_NAME of $NIXBOX_PROJECT, plugin $NIXBOX_PLUGIN"
[ -z "\${NIXBOX_SSH_CONFIG:-}" ] || ssh -F "$NIXBOX_SSH_CONFIG" nixbox uname -a
`;

const guestCommand = (name: string) =>
  `// asks the machine for its name: nixbox ${name} guest
import { openProject } from "nixbox";

const project = await openProject(Deno.env.get("NIXBOX_PROJECT") ?? ".");
const { stdout } = await project.output(["uname", "-n"]);
console.log(\`the machine calls itself \${stdout.trim()}\`);
`;

/**
 * Writes a plugin that works into `.nixbox/plugins/NAME`, to be changed.
 *
 * @param reserved Names of nixbox's own commands, by which a plugin's could not be reached.
 * @returns Its directory.
 * @throws {NixboxError} if the name is none, or taken; nothing is written then.
 */
export async function newPlugin(
  project: Project,
  name: string,
  reserved: readonly string[],
): Promise<string> {
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(name)) {
    throw new NixboxError(`"${name}" is no name for a plugin`, {
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
  const files: readonly (readonly [string, string, number])[] = [
    ["default.nix", defaultNix(name), 0o644],
    ["scripts/setup.sh", setupScript(name), 0o755],
    ["commands/hello", helloCommand(name), 0o755],
    ["commands/guest.ts", guestCommand(name), 0o644],
  ];
  try {
    for (const [path, text, mode] of files) {
      const file = `${directory}/${path}`;
      await Deno.mkdir(parentOf(file), { recursive: true });
      await Deno.writeTextFile(file, text, { createNew: true, mode });
    }
  } catch (error) {
    await removeIfExists(directory);
    throw fileError(`${directory} could not be written`, error);
  }
  return directory;
}
