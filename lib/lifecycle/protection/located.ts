import { directoryIdentity, exists } from "../../host/files/files.ts";
import type { Protection } from "../../share/covers.ts";

/** Where the source of a mount really is. */
export interface MountSource {
  /** Real path. */
  readonly path: string;
  /** "DEVICE:INODE" of it. */
  readonly identity: string;
  /** What of it the guest must not change. */
  readonly protection?: Protection;
}

/** A directory's real path, and which one it is. */
export async function located(source: string): Promise<{ path: string; identity: string }> {
  const path = await exists(source) ? await Deno.realPath(source) : source;
  return { path, identity: await directoryIdentity(path) };
}
