import { NixboxError } from "../../base/error.ts";
import { resolvePath } from "../../base/paths.ts";
import { distrustOf, type PathRule } from "../files/path_trust.ts";
import { privateGroups } from "../files/private_group.ts";

/** With whose rights a program runs. */
export type RunsAs = "user" | "root";

/**
 * Where root's programs are: the system's directories, NixOS' and those of a Nix for all users. PATH
 * has no say, since a project can put its own directory on it.
 */
export const rootDirectories: readonly string[] = [
  ...["/run/wrappers/bin", "/usr/local/sbin", "/usr/local/bin"],
  ...["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/run/current-system/sw/bin"],
  ...["/nix/var/nix/profiles/default/bin", "/usr/libexec", "/usr/lib/qemu"],
];

/** Programs that nixbox runs as root only, wherever it looks for them. */
const rootPrograms: readonly string[] = ["sudo", "nft", "ip", "dnsmasq", "haproxy", "iptables"];

/** A program that was found and is not run. */
export interface RefusedProgram {
  readonly path: string;
  readonly reason: string;
}

/** What the door knows of this process's user and of the guests of this host. */
interface Door {
  uid: number;
  path: string;
  more: readonly string[];
  administrators: readonly number[];
  /** Real paths of what guests can write; `unknown` where that cannot be told. */
  guests: readonly string[] | "unknown";
  readonly found: Map<string, string | undefined>;
  readonly refused: Map<string, readonly RefusedProgram[]>;
}

const door: Door = {
  uid: Deno.uid() ?? 0,
  path: Deno.env.get("PATH") ?? "",
  more: [],
  administrators: [],
  guests: [],
  found: new Map(),
  refused: new Map(),
};

function forget(): void {
  door.found.clear();
  door.refused.clear();
}

/**
 * Tells the door what follows from the OS: directories that are often not on PATH, and groups whose
 * members can become root anyway (on macOS Homebrew's directories are theirs).
 */
export function openDoor(
  more: readonly string[],
  administrators: readonly number[] = [],
): void {
  if (door.more.join(":") === more.join(":")) return;
  door.more = more;
  door.administrators = administrators;
  forget();
}

/**
 * Tells the door what guests can write to: no program is run out of these directories, whoever owns
 * it. `unknown`: only root's programs are run until it is known.
 *
 * @param directories Real paths; those of an earlier call stay.
 */
export function keepProgramsFrom(directories: readonly string[] | "unknown"): void {
  if (directories === "unknown" || door.guests === "unknown") {
    door.guests = "unknown";
  } else {
    door.guests = [...new Set([...door.guests, ...directories])];
  }
  forget();
}

/** For tests: a door of another user and another PATH; call what it gives to put it back. */
export function doorForTest(other: { path?: string; uid?: number }): () => void {
  const before = { ...door };
  Object.assign(door, { guests: [], ...other });
  forget();
  return () => {
    Object.assign(door, before);
    forget();
  };
}

/**
 * Full path of a program that may be run; `undefined` if there is none, {@linkcode refusedPrograms}
 * then tells of those that were found and may not.
 */
export function findProgram(name: string, as: RunsAs = runsAs(name)): string | undefined {
  const key = `${as} ${name}`;
  if (!door.found.has(key)) search(key, name, as);
  return door.found.get(key);
}

/** Programs of this name that lie where they are looked for and may not be run, with the reasons. */
export function refusedPrograms(
  name: string,
  as: RunsAs = runsAs(name),
): readonly RefusedProgram[] {
  findProgram(name, as);
  return door.refused.get(`${as} ${name}`) ?? [];
}

function runsAs(name: string): RunsAs {
  return rootPrograms.includes(name) ? "root" : "user";
}

function search(key: string, name: string, as: RunsAs): void {
  const refused: RefusedProgram[] = [];
  let found: string | undefined;
  if (name !== "" && !name.includes("/") && !name.includes("\0")) {
    for (const directory of directoriesFor(as)) {
      const path = `${directory}/${name}`;
      if (!isExecutableFile(path)) continue;
      const reason = distrustOf(path, ruleFor(as));
      if (reason === undefined) {
        found = path;
        break;
      }
      if (!refused.some((one) => one.path === path)) refused.push({ path, reason });
    }
  }
  door.found.set(key, found);
  door.refused.set(key, refused);
}

function pathEntries(): string[] {
  return door.path.split(":").filter((entry) => entry.startsWith("/"));
}

function directoriesFor(as: RunsAs): readonly string[] {
  if (as === "user" && door.guests !== "unknown") return [...pathEntries(), ...door.more];
  return [...ownTools(), ...rootDirectories];
}

/** A nixbox that Nix installed comes with its tools, which its wrapper puts on PATH. */
function ownTools(): readonly string[] {
  const isInstalledByNix = import.meta.dirname?.startsWith("/nix/store/") ?? false;
  return isInstalledByNix ? pathEntries().filter((entry) => entry.startsWith("/nix/store/")) : [];
}

/** The store is its builders' group's to write to, and sticky: that is how Nix makes it. */
const store = ["/nix/store"];

function ruleFor(as: RunsAs): PathRule {
  const guests = door.guests === "unknown" ? [] : door.guests;
  if (as === "root" || door.guests === "unknown") {
    return { owners: [0], groups: [], sticky: store, guests, guestActsAs: door.uid };
  }
  const groups = [...door.administrators, ...privateGroups(door.uid)];
  return { owners: [0, door.uid], groups, sticky: "any", guests, guestActsAs: door.uid };
}

function isExecutableFile(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false;
  }
}

/** The PATH that a child process gets: it may look for programs itself, as shells and ssh do. */
export function childPath(as: RunsAs): string {
  const key = `PATH ${as}`;
  if (!door.found.has(key)) {
    const rule = ruleFor(as);
    const safe = directoriesFor(as).filter((entry) => distrustOf(entry, rule) === undefined);
    door.found.set(key, [...new Set(safe)].join(":"));
  }
  return door.found.get(key) ?? "";
}

/** A list of directories without those that are relative or that a guest can write to. */
export function safeDirectories(list: string): string {
  const rule = ruleFor("user");
  return list.split(":")
    .filter((entry) => entry.startsWith("/") && distrustOf(entry, rule) === undefined).join(":");
}

/** Whether an argv is one that `sudo` runs: see privilege.ts. */
export function isBySudo(argv: readonly string[]): boolean {
  return /^(?:.*\/)?sudo$/.test(argv[0] ?? "") && argv[1] === "--";
}

/**
 * An argv as it is started: its program by its full path, which was checked.
 *
 * @param cwd What a name with a slash counts from; without it such a name is refused.
 * @throws {NixboxError} if there is no such program, or one that may not be run.
 */
export function startableArgv(argv: readonly string[], cwd?: string): readonly string[] {
  const [program = "", ...args] = argv;
  if (isBySudo(argv)) {
    const [, inner = "", ...rest] = args;
    const checked = rootProgram(inner);
    return [mustFind("sudo", "root"), "--", checked, ...rest];
  }
  if (program.startsWith("/")) return argv;
  if (program.includes("/")) {
    if (cwd !== undefined) return [resolvePath(cwd, program), ...args];
    throw new NixboxError(`${program} is not run: it is a relative path`, {
      hint: "name it by its full path",
    });
  }
  return [mustFind(program, runsAs(program)), ...args];
}

/**
 * The full path of a program that root runs.
 *
 * @throws {NixboxError} if there is none, or it could be replaced by somebody else than root.
 */
export function rootProgram(program: string): string {
  if (!program.startsWith("/")) return mustFind(program, "root");
  const reason = distrustOf(program, ruleFor("root"));
  if (reason === undefined) return program;
  throw refusal(program, "root", [{ path: program, reason }]);
}

function mustFind(name: string, as: RunsAs): string {
  const path = findProgram(name, as);
  if (path !== undefined) return path;
  throw refusal(name, as, refusedPrograms(name, as));
}

function refusal(name: string, as: RunsAs, refused: readonly RefusedProgram[]): NixboxError {
  const [first] = refused;
  if (first === undefined) {
    return new NixboxError(`${name}: no such program`, {
      hint: `install ${name}; \`nixbox doctor\` says how`,
    });
  }
  const whose = as === "root" ? " as root" : "";
  return new NixboxError(`${first.path} is not run${whose}: ${first.reason}`, {
    where: first.path,
    hint: as === "root"
      ? "root runs only what root alone can change, out of the system's directories: install it there"
      : "install it where no guest and no other user can write, and have that directory on PATH",
    log: refused.slice(1).map(({ path, reason }) => `${path}: ${reason}`),
  });
}
