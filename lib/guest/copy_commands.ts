import { quoteWord } from "./quote.ts";

// Fixed scripts for the guest's login shell; what varies comes as arguments. A path that is not
// absolute counts from the home directory, where ssh puts a command; "~/" is the same.
const expand = 'case $1 in "~") p=$HOME ;; "~/"*) p=$HOME/${1#"~/"} ;; *) p=$1 ;; esac; ';

// Where a copy goes: into a directory that is there, under its own name, or to the name itself.
const place = `${expand}` +
  'if [ -d "$p" ]; then [ -z "$2" ] || p=${p%/}/$2; ' +
  'else case $p in */) echo "$p is not a directory" >&2; exit 1 ;; esac; fi; ' +
  'up=$(dirname -- "$p"); ' +
  '[ -d "$up" ] || { echo "there is no directory $up" >&2; exit 1; }; ';

// A file appears whole or not at all.
const receiveOne = `${place}` +
  't=$(mktemp -d "$up/.nixbox-cp.XXXXXX") || exit 1; ' +
  "trap 'rm -rf -- \"$t\"' EXIT; " +
  'tar -x -p --no-same-owner -f - -C "$t" || exit 1; mv -fT -- "$t/$2" "$p"';

const receiveTree = `${place}` +
  'mkdir -p -- "$p" && exec tar -x -p --no-same-owner -f - -C "$p"';

const receiveStream = `${expand}` +
  '[ ! -d "$p" ] || { echo "$p is a directory: name a file in it" >&2; exit 1; }; ' +
  'exec cat >"$p"';

const writeFile = `${expand}` + 'umask 077; mkdir -p -- "$(dirname -- "$p")" || exit 1; ' +
  't=$(mktemp -- "$p.XXXXXX") || exit 1; cat >"$t" && chmod -- "$2" "$t" && mv -fT -- "$t" "$p"';

/** Ends with "KIND|SIZE|MODE|MTIME" on stdout; symlinks are followed, in the guest. */
const describe = `${expand}` + 'exec stat -L -c "%F|%s|%a|%Y" -- "$p"';
const sendFile = `${expand}` + 'exec head -c "$2" -- "$p"';
const sendStream = `${expand}` +
  '[ ! -d "$p" ] || { echo "$p is a directory" >&2; exit 1; }; exec cat -- "$p"';
const sendTree = `${expand}` + 'exec tar -c --format=posix -f - -C "$p" .';

function script(text: string, ...args: readonly string[]): string {
  return `sh -c ${quoteWord(text)} sh ${args.map(quoteWord).join(" ")}`;
}

/** Commands of the guest that take part in a copy. Paths are the user's own words. */
export const copyCommands = {
  /** Takes a tar with the one member `name`, which it keeps as its name where `path` is a directory. */
  receiveOne: (path: string, name: string) => script(receiveOne, path, name),
  /** Takes a tar of a directory's contents. An empty `name` puts them into `path` itself. */
  receiveTree: (path: string, name: string) => script(receiveTree, path, name),
  receiveStream: (path: string) => script(receiveStream, path),
  /** Takes a file's text; directories on the way are made. */
  writeFile: (path: string, mode: number) => script(writeFile, path, mode.toString(8)),
  describe: (path: string) => script(describe, path),
  sendFile: (path: string, size: number) => script(sendFile, path, `${size}`),
  sendStream: (path: string) => script(sendStream, path),
  sendTree: (path: string) => script(sendTree, path),
} as const;

/** What the guest says of one of its files. */
export interface GuestFile {
  readonly kind: "file" | "directory" | "other";
  /** In bytes. */
  readonly size: number;
  /** Permission bits, without set-user-id and the like. */
  readonly mode: number;
  /** Seconds since 1970. */
  readonly mtime: number;
}

/** Reads what `describe` printed; `undefined` if it is not as agreed: the guest is not trusted. */
export function parseGuestFile(text: string): GuestFile | undefined {
  const match = /^([a-z ]+)\|(\d{1,15})\|([0-7]{1,4})\|(\d{1,12})\n$/.exec(text);
  if (match === null) return undefined;
  const [, type = "", size, mode = "", mtime] = match;
  return {
    kind: type === "directory" ? type : /^regular (empty )?file$/.test(type) ? "file" : "other",
    size: Number(size),
    mode: Number.parseInt(mode, 8) & 0o777,
    mtime: Number(mtime),
  };
}
