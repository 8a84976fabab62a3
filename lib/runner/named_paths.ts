import type { Runner } from "./mod.ts";

/**
 * Absolute paths that a runner's last command names: disks, kernel, sockets, devices. What stands in
 * the kernel's command line are the guest's paths, and what the shell makes of a variable is not known.
 */
export function namedPaths({ script, cmdline }: Runner): readonly string[] {
  const words = [script.program, ...script.argv].filter((word) => typeof word === "string");
  const parts = words.filter((word) => word !== cmdline).flatMap((word) => word.split(/[=:,]/));
  return [...new Set(parts.filter((part) => /^\/[^/]/.test(part)))];
}
