import { lstatIfExists } from "../host/files/files.ts";
import { isWithin, parentOf } from "../base/paths.ts";

/** What an evaluation sees beside Nix itself. Paths are absolute, and real. */
export interface SandboxPlace {
  /** A private copy of the project's files, at their absolute paths below it: it becomes the root. */
  readonly files: string;
  /** nixbox's own nix/ directory. */
  readonly nix: string;
  /** The `nix` program. */
  readonly program: string;
}

/** Where the system's programs and their libraries are. */
const systemPlaces = ["usr", "bin", "sbin", "lib", "lib64"] as const;

/**
 * Whether a copy can stand for the whole file system: not if a project lies where the system's own
 * programs do, which would cover it.
 */
export function canBeRoot(topDirectories: readonly string[]): boolean {
  const taken: readonly string[] = [...systemPlaces, "nix", "proc", "dev"];
  return !topDirectories.some((name) => taken.includes(name));
}

/** What a config can make Nix take of memory, in KiB. */
const mostMemoryKiB = 1 << 20;

// A fixed script. Arguments: chroot, the root, then a source and a place for each mount up to "--",
// then the command. There is no network, no other process and nothing of the caller's environment.
const script = "set -e; chroot=$1 root=$2; shift 2; " +
  `ulimit -t 60; ulimit -d ${mostMemoryKiB}; mount -t proc proc "$root/proc"; ` +
  'while [ "$1" != -- ]; do mount --rbind "$1" "$root$2"; shift 2; done; shift; ' +
  'cd /; exec env -i HOME=/.nixbox-home "$chroot" "$root" "$@"';

/**
 * The argv that runs `nix` with nothing of this host but the copy, the Nix store and nixbox's own nix/,
 * in user, mount, network and process namespaces. Makes what it needs in the copy: mount points, links.
 */
export async function sandboxedArgv(
  chroot: string,
  place: SandboxPlace,
  args: readonly string[],
): Promise<readonly string[]> {
  const mounts = await prepareRoot(place);
  return [
    ...["unshare", "--user", "--map-root-user", "--mount", "--net", "--ipc", "--pid", "--fork"],
    ...["--propagation=private", "--kill-child", "sh", "-c", script, "sh", chroot, place.files],
    ...[...mounts.flatMap((path) => [path, path]), "--", place.program, ...args],
  ];
}

/** Makes the places of all mounts; gives the paths that are mounted where they are. */
async function prepareRoot({ files, nix, program }: SandboxPlace): Promise<readonly string[]> {
  const mounts: string[] = [nix];
  for (const name of systemPlaces) {
    const info = await lstatIfExists(`/${name}`);
    if (info?.isSymlink) await Deno.symlink(await Deno.readLink(`/${name}`), `${files}/${name}`);
    else if (info?.isDirectory) mounts.push(`/${name}`);
  }
  if ((await lstatIfExists("/nix/store"))?.isDirectory) mounts.push("/nix/store");
  // With what a package has beside its programs.
  const prefix = parentOf(program).replace(/(?<=.)\/bin$/, "");
  if (!["/usr", "/nix/store"].some((known) => isWithin(prefix, known))) mounts.push(prefix);
  for (const path of [...mounts, "/proc", "/dev", "/etc", "/.nixbox-home"]) {
    await Deno.mkdir(`${files}${path}`, { recursive: true });
  }
  await Deno.writeTextFile(`${files}/dev/null`, "");
  const cache = "/etc/ld.so.cache";
  if (await lstatIfExists(cache) !== undefined) await Deno.copyFile(cache, `${files}${cache}`);
  return [...mounts, "/dev/null"];
}
