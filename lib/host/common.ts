import type { MemoryFacts } from "./host.ts";

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
