import { NixboxError } from "../base/error.ts";
import type { Host } from "../host/host.ts";
import { isOlderThan, type NixVersion, nixVersion, oldestNix } from "../host/nix/nix_version.ts";

/** What every call of nix gets: flakes are asked for here, so that no setting is needed. */
export const nixFeatures = ["--extra-experimental-features", "nix-command flakes"] as const;

/** The nix of a host, fit for builds. */
export interface UsableNix {
  /** Absolute path. */
  readonly program: string;
  readonly version: NixVersion;
}

/** @throws {NixboxError} if there is no Nix, or one that is too old. */
export async function requireNix(host: Host): Promise<UsableNix> {
  const elsewhere = "or take a runner built elsewhere: `nixbox up --runner DIR`";
  const program = await host.which("nix");
  if (program === undefined) {
    throw new NixboxError("nix is not installed", { hint: `install it, ${elsewhere}` });
  }
  const version = await nixVersion(program);
  if (!isOlderThan(version, oldestNix)) return { program, version };
  throw new NixboxError(`${version.text} is too old: nixbox needs ${oldestNixText}`, {
    where: program,
    hint: `install a newer one (nixos.org/download), ${elsewhere}`,
  });
}

/** "2.18", for messages. */
export const oldestNixText = `${oldestNix.major}.${oldestNix.minor}`;
