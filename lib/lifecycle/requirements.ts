import type { Host } from "../host/host.ts";
import { NixboxError } from "../host/error.ts";
import { installHint, type Tool, toolsFor } from "../host/tools.ts";
import type { Config } from "../config/types.ts";
import type { Isolation } from "../share/virtiofsd.ts";

/**
 * The programs that a machine needs to go up, checked all at once and before anything is changed.
 *
 * @throws {NixboxError} that names every missing one and how to install them.
 */
export async function requireTools(host: Host): Promise<void> {
  const missing: Tool[] = [];
  for (const tool of toolsFor(host.os).filter(({ neededFor }) => neededFor === "up")) {
    if (await host.which(tool.program) === undefined) missing.push(tool);
  }
  if (missing.length === 0) return;
  const names = missing.map(({ program }) => program).join(", ");
  throw new NixboxError(`this host lacks ${names}`, {
    hint: await installHint(missing.map(({ program }) => program)),
  });
}

/**
 * Network modes that this version can keep its word on.
 *
 * @throws {NixboxError} for the others: a guest is never given more than its config allows.
 */
export function requireNetworkMode(config: Config): void {
  if (config.network.mode === "open") return;
  throw new NixboxError(
    `this version of nixbox has only network.mode "open", and the config asks for "${config.network.mode}"`,
    {
      where: "network.mode",
      hint: 'set network.mode = "open" if this project may reach the whole network; ' +
        "nothing was started",
    },
  );
}

/** How virtiofsd can be kept apart here; a warning where only the weaker way is open. */
export async function chooseIsolation(
  host: Host,
): Promise<{ isolation: Isolation; warning?: string }> {
  if (await host.userNamespaces()) return { isolation: "user-namespace" };
  return {
    isolation: "root-mount-namespace",
    warning: "this kernel lets no user make a mount namespace: virtiofsd runs without a sandbox " +
      "of its own, as you, in a mount namespace that root makes",
  };
}
