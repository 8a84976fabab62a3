import { readTextIfExists } from "../files/files.ts";

/**
 * Whether this kernel has Landlock with truncation (its ABI 3, Linux 6.2), which cloud-hypervisor asks for
 * or does not start.
 *
 * @param lsm Where the kernel lists its security modules; not everybody may read it.
 * @param release Where it tells its release.
 */
export async function hasLandlock(
  lsm = "/sys/kernel/security/lsm",
  release = "/proc/sys/kernel/osrelease",
): Promise<boolean> {
  const modules = (await readTextIfExists(lsm).catch(() => undefined) ?? "").trim().split(",");
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(await readTextIfExists(release) ?? "") ?? [];
  const isRecent = Number(major) > 6 || (Number(major) === 6 && Number(minor) >= 2);
  return modules.includes("landlock") && isRecent;
}
