import type { Host } from "./host.ts";
import { NixboxError } from "../base/error.ts";

/** Finds out what this machine is; loads only the module of its OS. */
export async function detectHost(): Promise<Host> {
  switch (Deno.build.os) {
    case "linux":
      return (await import("./linux.ts")).detectLinux();
    case "darwin":
      return (await import("./darwin.ts")).detectDarwin();
    default:
      throw new NixboxError(`nixbox runs on Linux and macOS, not on ${Deno.build.os}`);
  }
}
