import { NixboxError } from "../../base/error.ts";
import { run, toolMs } from "../process/run.ts";

/** A version of Nix: what `nix --version` says. */
export interface NixVersion {
  /** The whole line, as "nix (Nix) 2.26.3". */
  readonly text: string;
  readonly major: number;
  readonly minor: number;
}

/** The oldest Nix that nixbox is made for. */
export const oldestNix = { major: 2, minor: 18 };

/**
 * Reads "nix (Nix) 2.26.3", "nix (Lix, like Nix) 2.91.1" or "nix (Determinate Nix 3.8.0) 2.30.1": the
 * last number is Nix's own. `undefined` if there is none.
 */
export function parseNixVersion(text: string): NixVersion | undefined {
  const [, major, minor] = /\s(\d+)\.(\d+)\S*\s*$/.exec(text) ?? [];
  if (major === undefined) return undefined;
  return { text: text.trim(), major: Number(major), minor: Number(minor) };
}

/** Whether a version comes before another. */
export function isOlderThan(
  version: NixVersion,
  other: { readonly major: number; readonly minor: number },
): boolean {
  return version.major < other.major ||
    (version.major === other.major && version.minor < other.minor);
}

/** Asks a nix what it is. @throws {NixboxError} if it does not say. */
export async function nixVersion(nix: string): Promise<NixVersion> {
  const { stdout } = await run([nix, "--version"], { timeoutMs: toolMs });
  const version = parseNixVersion(stdout);
  if (version !== undefined) return version;
  throw new NixboxError(`${nix} --version does not tell a version: ${stdout.trim()}`, {
    hint: "is that Nix? See nixos.org/download",
  });
}
