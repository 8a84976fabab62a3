import type { NixSystem } from "../host/host.ts";
import { run } from "../host/process/run.ts";
import { nixFeatures } from "./nix.ts";

/** How a host gets what builds for the guest's system; the ways are those of macOS. */
export const builderHint = "Nix here cannot build for the guest's system, Linux: give it a Linux " +
  "builder. With nix-darwin: `nix.linux-builder.enable = true;`. With any Nix: be one of " +
  "extra-trusted-users, run `nix run nixpkgs#darwin.linux-builder`, and add to nix.conf " +
  "`builders = ssh-ng://builder@linux-builder aarch64-linux /etc/nix/builder_ed25519 4` and " +
  "`builders-use-substitutes = true`. Or name another machine in /etc/nix/machines. Determinate " +
  "Nix has its own builder";

/** The system that a host's guests are of: a Mac's are Linux on the same processor. */
export function guestSystem(hostSystem: NixSystem): string {
  return hostSystem.replace("-darwin", "-linux");
}

/** What building something tiny, new each time, came to. */
export interface BuilderProbe {
  readonly works: boolean;
  /** Nix's own words where it does not. */
  readonly message: string;
}

/**
 * Tries whether Nix can build for a system: here, in an emulator, or on a remote machine, whatever
 * its settings say. Nothing stays but a file of three bytes in the store.
 */
export async function probeBuilder(nix: string, system: string): Promise<BuilderProbe> {
  const { code, stderr } = await run([
    ...[nix, "build", "--no-link", "--impure", ...nixFeatures, "--argstr", "system", system],
    ...["--argstr", "name", `nixbox-probe-${crypto.randomUUID()}`, "--expr", probe],
  ], { accept: "any", timeoutMs: 60_000 });
  return { works: code === 0, message: stderr.trim() };
}

/** Without a substitute, and new each time by its name, so that it has to be built. */
const probe = `{ system, name }: derivation {
  inherit system name;
  builder = "/bin/sh";
  args = [ "-c" "echo ok >$out" ];
  allowSubstitutes = false;
}`;
