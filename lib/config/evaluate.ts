import * as z from "zod/mini";
import { assetsDirectory } from "../host/assets.ts";
import { messageOf, NixboxError } from "../host/error.ts";
import type { Host } from "../host/host.ts";
import { nixMessage } from "../host/nix_message.ts";
import { CommandError, run } from "../host/process.ts";
import { installHint } from "../host/tools.ts";
import { configFacts } from "./facts.ts";
import { checkConfig } from "./schema.ts";
import type { Config, Project } from "./types.ts";

/**
 * The project's config: nix/resolve.nix evaluated by Nix, then checked.
 *
 * @throws {NixboxError} with Nix's own message, or with every key that is wrong.
 */
export async function loadConfig(host: Host, project: Project): Promise<Config> {
  return checkConfig(await resolveConfig(host, project), project.configFile);
}

/** What Nix makes of the config, unchecked. */
export async function resolveConfig(host: Host, project: Project): Promise<unknown> {
  return await evaluate(host, project, "resolved");
}

/** The files of the plugins that a config names, in order. None of them is evaluated. */
export async function pluginFiles(host: Host, project: Project): Promise<readonly string[]> {
  return z.array(z.string()).parse(await evaluate(host, project, "pluginFiles"));
}

/** An attribute of nix/resolve.nix. Data goes to Nix as arguments, never as Nix text. */
async function evaluate(host: Host, project: Project, attribute: string): Promise<unknown> {
  const nix = await host.which("nix");
  if (nix === undefined) {
    throw new NixboxError("nix is not installed, and the config is written in Nix", {
      hint: `${await installHint(["nix"])}, or see nixos.org/download`,
    });
  }
  const assets = await assetsDirectory();
  const factsFile = await Deno.makeTempFile({ prefix: "nixbox-facts-" });
  try {
    await Deno.writeTextFile(factsFile, JSON.stringify(configFacts(host, project)));
    const { stdout } = await run([
      ...[nix, "eval", "--json", "--impure", "--offline"],
      ...["--extra-experimental-features", "nix-command flakes"],
      ...["--file", `${assets}/nix/resolve.nix`, attribute],
      ...["--argstr", "configFile", project.configFile],
      ...["--argstr", "pluginsDir", `${assets}/nix/plugins`],
      ...["--argstr", "factsFile", factsFile],
    ], { cwd: "/" });
    return JSON.parse(stdout);
  } catch (error) {
    if (error instanceof CommandError) throw nixError(error, project.configFile);
    throw error;
  } finally {
    await Deno.remove(factsFile);
  }
}

/** Nix's own words, from its last "error:" on: what stands before is the way there. */
function nixError(error: CommandError, configFile: string): NixboxError {
  const [first, ...others] = nixMessage(error.stderr);
  return new NixboxError(`the config does not evaluate: ${first ?? messageOf(error)}`, {
    where: configFile,
    hint: "mend the config; Nix's message is above",
    log: others,
  });
}
