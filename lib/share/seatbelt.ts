import { parentOf } from "../base/paths.ts";
import { pinsFor, type Protection } from "./covers.ts";

/** What a program under macOS' sandbox may see of the host's files. */
export interface SeatbeltConfinement {
  /** Real path of the program. */
  readonly program: string;
  /** Real path of the one directory that it serves. */
  readonly source: string;
  /** Real paths in it that it must not touch. */
  readonly masks: readonly string[];
  readonly readonly: boolean;
  /** What in it may be read and not changed. */
  readonly protection?: Protection | undefined;
}

/**
 * What a program needs of macOS to start: its libraries come from the linker's shared cache, which
 * moved with releases (dyld's own places, macOS 13 to 26). Not tried on a Mac.
 */
const systemPlaces = [
  ...["/usr/lib", "/System/Library", "/System/Volumes/Preboot/Cryptexes", "/System/Cryptexes"],
  ...["/private/var/db/dyld", "/private/var/db/timezone", "/usr/share/zoneinfo"],
];

const devices = ["/dev/null", "/dev/random", "/dev/urandom"];

/**
 * The argv that runs a program under macOS' sandbox (sandbox-exec(1)) with no other files than one
 * directory. The kernel looks at where a path really leads, so that no link which the guest plants
 * leads out.
 */
export function seatbeltArgv(
  confinement: SeatbeltConfinement,
  args: readonly string[],
): readonly string[] {
  return [
    ...["/usr/bin/env", "sandbox-exec", "-p", seatbeltProfile(confinement)],
    ...[confinement.program, ...args],
  ];
}

/** A profile in the sandbox's language: of the rules that fit, the last decides. */
export function seatbeltProfile(confinement: SeatbeltConfinement): string {
  const { program, source, masks, readonly } = confinement;
  const hidden = masks.map((mask) => `(subpath ${quoted(mask)})`).join(" ");
  return [
    "(version 1)",
    "(deny default)",
    `(allow process-exec* (literal ${quoted(program)}))`,
    "(allow sysctl-read)",
    // Who its user is.
    '(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))',
    `(allow file-read-metadata ${ancestorsOf(source).map(literal).join(" ")})`,
    `(allow file-read* (literal "/") ${[...devices, program].map(literal).join(" ")})`,
    `(allow file-read* ${systemPlaces.map((path) => `(subpath ${quoted(path)})`).join(" ")})`,
    '(allow file-write-data (literal "/dev/null"))',
    `(allow file-read*${readonly ? "" : " file-write*"} (subpath ${quoted(source)}))`,
    ...sealedRules(confinement),
    ...(hidden === "" ? [] : [`(deny file-read* file-write* ${hidden})`]),
    // Set-user-id bits, which would be good for every user of this Mac.
    ...(readonly ? [] : [`(deny file-write-setugid (subpath ${quoted(source)}))`]),
    "",
  ].join("\n");
}

/** Rules go by path: what leads to one that is sealed must not be renamed. */
function sealedRules({ source, protection, readonly }: SeatbeltConfinement): readonly string[] {
  if (readonly || protection === undefined || protection.sealed.length === 0) return [];
  const { sealed, open } = protection;
  const subpaths = (paths: readonly string[]) =>
    paths.map((path) => `(subpath ${quoted(path)})`).join(" ");
  const pins = pinsFor(source, [...sealed, ...open]);
  return [
    `(deny file-write* ${subpaths(sealed)})`,
    ...(open.length === 0 ? [] : [`(allow file-write* ${subpaths(open)})`]),
    ...(pins.length === 0 ? [] : [`(deny file-write-unlink ${pins.map(literal).join(" ")})`]),
  ];
}

/**
 * Whether masks hold in a share that the guest may write to: they go by path, so a directory on the
 * way to one must not be renamed.
 */
export function areMasksFirm(source: string, masks: readonly string[]): boolean {
  return masks.every((mask) => parentOf(mask) === source);
}

function ancestorsOf(path: string): string[] {
  const found: string[] = [];
  for (let at = path; at !== "/"; at = parentOf(at)) found.push(parentOf(at));
  return found;
}

function literal(path: string): string {
  return `(literal ${quoted(path)})`;
}

/** A string of Scheme's: backslash and quote are escaped; other characters stand for themselves. */
function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
