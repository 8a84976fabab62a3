import { coverArguments, type CoveredShare, coverScript } from "./covers.ts";

/** A program with all that it loads: copied to where it runs, since it sees nothing else. */
export interface ConfinedProgram {
  /** Full path of the program. */
  readonly path: string;
  /** Full paths of its libraries and its loader. */
  readonly libraries: readonly string[];
  /** Full path of chroot(8), which is not on every user's PATH. */
  readonly chroot: string;
}

/** What a confined program sees of the host. */
export interface Confinement extends CoveredShare {
  /** An empty directory of the caller's, where the program's root is made. */
  readonly root: string;
  readonly readonly: boolean;
  /** Bits that are taken from the modes of what it makes. */
  readonly umask: number;
  /** What the command is put behind so that no set-user-id file comes to be. */
  readonly filter: readonly string[];
}

/** Where a confined program sees its directory. */
export const confinedDirectory = "/share";

// A fixed script. Arguments: chroot, the root, ro or rw, the umask, those of the covers, the files of
// the program up to "--", then its command. It runs in its own user and mount namespaces, and leaves nothing.
const confineThenRun = "set -e; chroot=$1 root=$2 mode=$3 umask=$4; shift 4; " +
  'mount -t tmpfs -o mode=755,nosuid,nodev none "$root"; mkdir "$root/share"; ' + coverScript +
  'while [ "$1" != -- ]; do mkdir -p "$root${1%/*}"; cp -- "$1" "$root$1"; shift; done; shift; ' +
  // OpenSSH's server looks up who it is.
  'mkdir "$root/etc"; echo root:x:0:0::/:/ >"$root/etc/passwd"; ' +
  'mkdir "$root/dev"; : >"$root/dev/null"; mount --bind /dev/null "$root/dev/null"; ' +
  '[ "$mode" = rw ] || mount -o remount,bind,ro "$root/share"; ' +
  'mount -o remount,bind,ro "$root"; umask "$umask"; exec "$chroot" "$root" "$@"';

/**
 * The command that runs a program with no other files than its own libraries and one directory: the
 * programs that talk to a guest over a pipe (SFTP server, tar) would follow it anywhere else.
 *
 * @param args The program's arguments; paths of the directory begin with {@linkcode confinedDirectory}.
 */
export function confinedArgv(
  program: ConfinedProgram,
  args: readonly string[],
  confinement: Confinement,
): readonly string[] {
  const { root, readonly, umask, filter } = confinement;
  return [
    ...filter,
    ...["unshare", "--user", "--map-root-user", "--mount", "--propagation=private"],
    ...["sh", "-c", confineThenRun, "sh", program.chroot, root, readonly ? "ro" : "rw"],
    umask.toString(8),
    ...coverArguments(confinement, `${root}${confinedDirectory}`),
    ...[program.path, ...program.libraries, "--", program.path, ...args],
  ];
}

/**
 * OpenSSH's SFTP server on stdin and stdout, for one directory. `-R` refuses every change; the
 * server has no other confinement (sftp-server(8)).
 */
export function sftpServerArgs(readonly: boolean): readonly string[] {
  return ["-e", "-l", "ERROR", ...(readonly ? ["-R"] : [])];
}

// bash, since its arrays can hold two commands: the first so many words are the server's. The pair
// ends as one: each reads the other's end.
const joinByPipes = 'fifo=$1 count=$2; shift 2; server=("${@:1:count}"); ' +
  'client=("${@:count+1}"); mkfifo -m 600 -- "$fifo"; ' +
  '"${server[@]}" <"$fifo" | "${client[@]}" >"$fifo"';

/** The command that runs two programs with the stdin and stdout of each joined to the other's. */
export function joinedArgv(
  bash: string,
  fifo: string,
  server: readonly string[],
  client: readonly string[],
): readonly string[] {
  return [bash, "-c", joinByPipes, "nixbox-sshfs", fifo, `${server.length}`, ...server, ...client];
}

/**
 * Reads what a program's loader says that it would load (`LD_TRACE_LOADED_OBJECTS`, ld.so(8)):
 * `NAME => PATH (ADDRESS)`, or a path alone; what the kernel brings has none.
 */
export function parseLoadedObjects(text: string): readonly string[] {
  return text.split("\n").flatMap((line) => {
    const path = /(?:=> )?(\/.*?) \(0x[0-9a-f]+\)$/.exec(line.trim())?.[1];
    return path === undefined ? [] : [path];
  });
}
