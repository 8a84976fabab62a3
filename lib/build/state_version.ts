import * as z from "../base/zod.ts";
import { readTextIfExists } from "../host/files/files.ts";
import { parseJson } from "../base/json.ts";
import { isRelease } from "../base/nixos_release.ts";

const guestSchema = z.object({ stateVersion: z.string() });

/**
 * The `system.stateVersion` of a built machine ("25.11"); `undefined` where its runner does not say.
 * One that an earlier nixbox built has the release of its nixpkgs, which its system names.
 */
export async function stateVersionOf(runnerDirectory: string): Promise<string | undefined> {
  const text = await readTextIfExists(`${runnerDirectory}/share/nixbox/guest.json`);
  const guest = guestSchema.safeParse(parseJson(text ?? ""));
  const version = guest.success
    ? guest.data.stateVersion
    : await releaseOf(`${runnerDirectory}/share/microvm/system`);
  return version !== undefined && isRelease(version) ? version : undefined;
}

/** The release that a NixOS is of (os-release(5)). */
async function releaseOf(system: string): Promise<string | undefined> {
  const text = await readTextIfExists(`${system}/etc/os-release`);
  return /^VERSION_ID="?([^"\n]*)"?$/m.exec(text ?? "")?.[1];
}
