import type { HostPaths, MemoryFacts, UserFacts } from "./host.ts";
import { NixboxError } from "./error.ts";
import { run } from "./process.ts";

/** Memory as Deno tells it: bytes on every OS; "available" is the kernel's own estimate on Linux. */
export function memoryFacts(): MemoryFacts {
  const { total, available } = Deno.systemMemoryInfo();
  return {
    totalMB: Math.floor(total / 1048576),
    availableMB: Math.floor(available / 1048576),
  };
}

/** Looks for an executable file on PATH, then in `moreDirectories`. */
export async function findProgram(
  program: string,
  moreDirectories: readonly string[],
): Promise<string | undefined> {
  const onPath = (Deno.env.get("PATH") ?? "").split(":").filter((directory) => directory !== "");
  for (const directory of [...onPath, ...moreDirectories]) {
    const path = `${directory}/${program}`;
    if (await isExecutableFile(path)) return path;
  }
  return undefined;
}

async function isExecutableFile(path: string): Promise<boolean> {
  try {
    const { isFile, mode } = await Deno.stat(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false;
  }
}

/**
 * Places by the XDG base directory variables, where they are set. Sockets need a short path, and
 * without a session /tmp has one on every OS (macOS's TMPDIR eats half of the 103 bytes that a
 * socket's path may have). `secrets` is where there is memory only if the session says so.
 */
export function basePaths(
  user: UserFacts,
  env: (name: string) => string | undefined,
  secretsWithoutSession?: string,
): HostPaths {
  const session = env("XDG_RUNTIME_DIR");
  const runtime = session ? `${session}/nixbox` : `/tmp/nixbox-${user.uid}`;
  return {
    state: `${env("XDG_STATE_HOME") || `${user.home}/.local/state`}/nixbox`,
    cache: `${env("XDG_CACHE_HOME") || `${user.home}/.cache`}/nixbox`,
    runtime,
    secrets: session ? runtime : secretsWithoutSession ?? runtime,
  };
}

/** By df(1) of POSIX. */
export async function freeSpaceMB(path: string): Promise<number> {
  const { stdout } = await run(["df", "-Pk", path], { accept: "any" });
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
