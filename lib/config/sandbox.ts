import { parentOf } from "../host/paths.ts";

/** What an evaluation sees beside Nix itself. Paths are absolute, and real. */
export interface SandboxPlace {
  /** A private copy of the project's files, at their absolute paths below it. */
  readonly files: string;
  /** nixbox's own nix/ directory. */
  readonly nix: string;
  /** The `nix` program. */
  readonly program: string;
}

/** What the system's programs need of it. */
const systemPlaces = ["usr", "bin", "sbin", "lib", "lib64", "nix", "proc", "dev"] as const;

/**
 * Whether a copy can stand for the whole file system: not if a project lies where the system's own
 * programs do, which would cover it.
 */
export function canBeRoot(topDirectories: readonly string[]): boolean {
  return !topDirectories.some((name) => systemPlaces.some((place) => place === name));
}

/** What a config can make Nix take of memory, in KiB. */
const mostMemoryKiB = 1 << 20;

// A fixed script. Arguments: chroot, the copy, nixbox's own nix/, where the nix program lies, then the
// command. The copy becomes the root, with no network, no other process and nothing of the caller's
// environment; the store can be read only.
const script = "set -e; chroot=$1 root=$2 own=$3 program=$4; shift 4; " +
  `ulimit -d ${mostMemoryKiB}; cd "$root"; ` +
  "mkdir -p proc dev etc nix/store .nixbox-home; mount -t proc proc proc; " +
  'mkdir -p ".$own"; mount --bind "$own" ".$own"; ' +
  "for at in usr bin sbin lib lib64; do " +
  'if [ -L "/$at" ]; then cp -P "/$at" "./$at"; ' +
  'elif [ -d "/$at" ]; then mkdir -p "./$at"; mount --rbind "/$at" "./$at"; fi; done; ' +
  "[ ! -d /nix/store ] || mount --rbind /nix/store nix/store; " +
  "case $program/ in /nix/store/*|/usr/*) ;; " +
  '*) mkdir -p ".$program"; mount --rbind "$program" ".$program" ;; esac; ' +
  "[ ! -e /etc/ld.so.cache ] || cp /etc/ld.so.cache etc/ld.so.cache; " +
  ": >dev/null; mount --bind /dev/null dev/null; " +
  'exec env -i HOME=/.nixbox-home "$chroot" "$root" "$@"';

/**
 * The argv that runs `nix` with nothing of this host but the copy, the Nix store and nixbox's own nix/,
 * in user, mount, network and process namespaces.
 */
export function sandboxedArgv(
  chroot: string,
  place: SandboxPlace,
  args: readonly string[],
): readonly string[] {
  // With what a package has beside its programs.
  const prefix = parentOf(place.program).replace(/(?<=.)\/bin$/, "");
  return [
    ...["unshare", "--user", "--map-root-user", "--mount", "--net", "--ipc", "--pid", "--fork"],
    ...["--propagation=private", "--kill-child", "sh", "-c", script, "sh"],
    ...[chroot, place.files, place.nix, prefix, place.program, ...args],
  ];
}
