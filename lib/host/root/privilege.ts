import type { Privilege } from "../host.ts";

/**
 * How this user runs a command as root. The only place that knows `sudo`.
 *
 * `--` ends sudo's own options, so that no argument can become one.
 */
export function privilegeOf(uid: number): Privilege {
  return {
    asRoot: (argv) => uid === 0 ? argv : ["sudo", "--", ...argv],
  };
}
