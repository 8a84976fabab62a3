/** Most that is read of /etc/passwd and /etc/group. */
const mostBytes = 4_000_000;

let known: { readonly uid: number; readonly groups: readonly number[] } | undefined;

/**
 * The groups that have one user and nobody else: what distributions give each user, with a umask that
 * lets the group write. Empty where it cannot be told, as for users of a directory service.
 */
export function privateGroups(uid: number): readonly number[] {
  if (known?.uid === uid) return known.groups;
  const groups = privateGroupsOf(uid, readSmall("/etc/passwd"), readSmall("/etc/group"));
  known = { uid, groups };
  return groups;
}

/** As {@linkcode privateGroups}, from the texts of passwd(5) and group(5). */
export function privateGroupsOf(uid: number, passwd: string, group: string): readonly number[] {
  const users = passwd.split("\n").map((line) => line.split(":"));
  const user = users.find((fields) => fields[2] === `${uid}`);
  const gid = user?.[3];
  if (user === undefined || gid === undefined) return [];
  if (users.some((fields) => fields[3] === gid && fields[2] !== `${uid}`)) return [];
  const lines = group.split("\n").map((line) => line.split(":"));
  const own = lines.find((fields) => fields[2] === gid);
  if (own === undefined) return [];
  const members = (own[3] ?? "").split(",").filter((name) => name !== "" && name !== user[0]);
  return members.length === 0 ? [Number(gid)] : [];
}

function readSmall(path: string): string {
  try {
    if (Deno.statSync(path).size > mostBytes) return "";
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
