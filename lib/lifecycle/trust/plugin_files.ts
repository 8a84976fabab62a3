import { exists } from "../../host/files/files.ts";
import { isWithin } from "../../base/paths.ts";

/** All of a plugin's directory, or its one file. */
export function rootOfPlugin(path: string): string {
  return path.endsWith("/default.nix") ? path.slice(0, -"/default.nix".length) : path;
}

/** Whether a plugin comes with nixbox. */
export function isBuiltIn(path: string, assets: string): boolean {
  return isWithin(path, `${assets}/nix/plugins`);
}

/** Whether one of these plugins brings commands that run on this host. */
export async function hasCommands(roots: readonly string[]): Promise<boolean> {
  for (const root of roots) if (await exists(`${root}/commands`)) return true;
  return false;
}
