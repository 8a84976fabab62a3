import type { HostPaths, MemoryFacts, UserFacts } from "./host.ts";
import { NixboxError } from "../base/error.ts";
import { run, toolMs } from "./process/run.ts";

/** Memory as Deno tells it: bytes on every OS; "available" is the kernel's own estimate on Linux. */
export function memoryFacts(): MemoryFacts {
  const { total, available } = Deno.systemMemoryInfo();
  return {
    totalMB: Math.floor(total / 1048576),
    availableMB: Math.floor(available / 1048576),
  };
}

/**
 * Places by the XDG base directory variables, where they are set to absolute paths (others MUST be
 * ignored: XDG Base Directory Specification). A session's runtime directory is for its user alone and
 * ends with the session, in memory on every system with systemd: secrets go there too.
 */
export function basePaths(
  user: UserFacts,
  env: (name: string) => string | undefined,
  withoutSession: (state: string) => Pick<HostPaths, "runtime" | "secrets">,
): HostPaths {
  const absolute = (name: string) => env(name)?.startsWith("/") ? env(name) : undefined;
  const session = absolute("XDG_RUNTIME_DIR");
  const state = `${absolute("XDG_STATE_HOME") ?? `${user.home}/.local/state`}/nixbox`;
  const ofSession = { runtime: `${session}/nixbox`, secrets: `${session}/nixbox` };
  return {
    state,
    cache: `${absolute("XDG_CACHE_HOME") ?? `${user.home}/.cache`}/nixbox`,
    ...(session === undefined ? withoutSession(state) : ofSession),
  };
}

/** By df(1) of POSIX. */
export async function freeSpaceMB(path: string): Promise<number> {
  const { stdout } = await run(["df", "-Pk", path], { accept: "any", timeoutMs: toolMs });
  const kilobytes = freeKilobytes(stdout);
  if (kilobytes !== undefined) return Math.floor(kilobytes / 1024);
  throw new NixboxError(`the free space at ${path} cannot be told`);
}

/**
 * The free space that `df -Pk` tells, in KiB, of its last line: name, size, used, free, percentage,
 * place. Names and places may have blanks (macOS has "map auto_home").
 */
export function freeKilobytes(text: string): number | undefined {
  const line = text.trimEnd().split("\n").at(-1) ?? "";
  const [, free] = /\s\d+\s+\d+\s+(-?\d+)\s+\d+%\s+\//.exec(line) ?? [];
  return free === undefined ? undefined : Math.max(0, Number(free));
}
