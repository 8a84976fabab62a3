import type { Privilege, UserFacts } from "../host.ts";

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

/** setpriv(1)'s options by which root becomes a user, with these other groups and none else. */
export function idOptions(
  { uid, gid }: Pick<UserFacts, "uid" | "gid">,
  groups: readonly string[],
): readonly string[] {
  const others = groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`;
  return [`--reuid=${uid}`, `--regid=${gid}`, others];
}
