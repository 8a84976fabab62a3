import type { MountMode } from "./provisioning.ts";
import { quoteWord } from "./quote.ts";

/** The copy of nix/guest/provision.sh that provisioning leaves in the guest. */
const script = "/run/nixbox/provision.sh";

/** Exit code by which the guest says that a share is in use. */
export const busyCode = 16;

/** Mounts a virtiofs share at a path of the guest; waits for its device. */
export function mountCommand(tag: string, target: string, mode: MountMode): string {
  return asRoot(["mount", tag, target, mode]);
}

/** Takes the guest's variables from standard input, as `provisioningFiles` gives them. */
export function environmentCommand(): string {
  return asRoot(["env"]);
}

/** Unmounts a share, if it is there; exits with {@linkcode busyCode} if it is in use. */
export function unmountCommand(
  tag: string,
  target: string,
  options: { readonly force: boolean },
): string {
  return asRoot(["unmount", tag, target, ...(options.force ? ["--force"] : [])]);
}

/**
 * Mounts what an SFTP server on this command's stdin and stdout serves (sshfs(1), "passive"), and
 * ends when it is unmounted or the server goes. Files look like the guest user's.
 */
export function sshfsCommand(
  tag: string,
  directory: string,
  target: string,
  readonly: boolean,
): string {
  const options = [
    ...[`fsname=${tag}`, "passive", "allow_other", "default_permissions", "uid=1000", "gid=100"],
    ...["nosuid", "nodev", ...(readonly ? ["ro"] : [])],
  ];
  const words = ["sshfs", "-f", "-o", options.join(","), `:${directory}`, target];
  return `${asRoot(["directory", target])} && exec sudo -n ${words.map(quoteWord).join(" ")}`;
}

/** Ends once something is mounted at a path of the guest; with 1 if nothing is after ten seconds. */
export function waitForMountCommand(target: string): string {
  const path = quoteWord(target);
  return `for i in $(seq 500); do mountpoint -q ${path} && exit; sleep 0.02; done; exit 1`;
}

function asRoot(words: readonly string[]): string {
  return `sudo -n bash ${script} ${words.map(quoteWord).join(" ")}`;
}
