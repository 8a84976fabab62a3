import { lstatIfExists, writeTextAtomically } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { parseJson } from "../../base/json.ts";
import { isWithin, joinPath, nameOf } from "../../base/paths.ts";
import { within } from "../../base/wait.ts";
import { readRegularFile } from "../../host/files/regular_file.ts";
import { type CoveredShare, isProtected } from "../../share/covers.ts";
import { gitSealed, gitSealedIfThere } from "../../share/obeyed.ts";
import type { ShareRecord, VmRecord } from "../../state/record.ts";
import { statePaths } from "../../state/store.ts";

/** How far below a share is looked, and at how many names: a guest can make as many as it likes. */
const deepest = 4;
const mostNames = 20_000;
const largestSnapshot = 4_194_304;

/** Paths of what a host runs or obeys, each with what tells that it has changed. */
type Snapshot = Readonly<Record<string, string>>;

/** Notes what there is, before a guest can write to a share. */
export async function noteObeyed(host: Host, id: string, share: ShareRecord): Promise<void> {
  if (share.protection === undefined) return;
  const directory = `${statePaths(host, id).directory}/obeyed`;
  await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  const text = JSON.stringify(await takeSnapshot(share));
  await writeTextAtomically(snapshotFile(host, id, share), text);
}

/** How long a look may take: a share on a network file system that is gone answers never. */
const longestLookMs = 5000;

/**
 * What of the kind that this host runs or obeys has come, changed or gone in a machine's shares since
 * it went up: where it cannot be held (deep in a share, a nested repository), by the guest or by the
 * user; where it was held, by the user, and it is not held from then on. At most twenty paths. Shares that
 * could not be looked at in time count as a whole.
 */
export async function changedObeyed(host: Host, record: VmRecord): Promise<readonly string[]> {
  const found = await within(longestLookMs, findChanged(host, record));
  if (found !== "late") return found;
  const looked = record.shares.filter(({ protection }) => protection !== undefined);
  return looked.map(({ source }) => source);
}

async function findChanged(host: Host, record: VmRecord): Promise<readonly string[]> {
  const changed = new Set<string>();
  for (const share of record.shares) {
    if (share.protection === undefined) continue;
    const before = await readSnapshot(snapshotFile(host, record.id, share));
    if (before === undefined) continue;
    const now = await takeSnapshot(share);
    for (const path of new Set([...Object.keys(before), ...Object.keys(now)])) {
      if (before[path] !== now[path]) changed.add(path);
    }
  }
  return [...changed].toSorted().slice(0, 20);
}

function snapshotFile(host: Host, id: string, share: Pick<ShareRecord, "id">): string {
  return `${statePaths(host, id).directory}/obeyed/${share.id}.json`;
}

async function readSnapshot(path: string): Promise<Snapshot | undefined> {
  const bytes = await readRegularFile(path, largestSnapshot).catch(() => undefined);
  const value = bytes === undefined ? undefined : parseJson(new TextDecoder().decode(bytes));
  if (typeof value !== "object" || value === null) return undefined;
  return Object.fromEntries(Object.entries(value).map(([key, text]) => [key, String(text)]));
}

async function takeSnapshot(share: CoveredShare): Promise<Snapshot> {
  const { sealed = [], names = [] } = share.protection ?? {};
  const found: Record<string, string> = {};
  const wanted = new Set(names.map(nameOf));
  const budget = { left: mostNames };
  for (const path of sealed) {
    const info = await lstatIfExists(path).catch(() => undefined);
    // A directory stays what it is when what is in it changes; a file may be replaced.
    if (info?.isFile) found[path] = stamp(info);
  }
  await look(share, share.source, 0, wanted, found, budget);
  return found;
}

async function look(
  share: CoveredShare,
  directory: string,
  depth: number,
  wanted: ReadonlySet<string>,
  found: Record<string, string>,
  budget: { left: number },
): Promise<void> {
  const inside: string[] = [];
  const entries = await namesIn(directory, budget);
  if (wanted.has(".git") && depth > 0 && isBareRepository(entries)) {
    // git takes it for one as soon as somebody is in it.
    found[directory] = await fingerprintOfGit(directory, budget);
    return;
  }
  for (const { name, isDirectory, isSymlink } of entries) {
    const path = joinPath(directory, name);
    if (share.masks.some((mask) => isWithin(path, mask)) || isProtected(share, path)) continue;
    if (wanted.has(name)) {
      const isHeld = name === ".git" && isProtected(share, joinPath(path, "config"));
      if (!isHeld) found[path] = await fingerprint(path, budget);
    } else if (isDirectory && !isSymlink && depth < deepest && name !== "node_modules") {
      inside.push(path);
    }
  }
  for (const path of inside) await look(share, path, depth + 1, wanted, found, budget);
}

async function fingerprint(path: string, budget: { left: number }): Promise<string> {
  const info = await lstatIfExists(path).catch(() => undefined);
  if (info === undefined) return "";
  if (!info.isDirectory) return stamp(info);
  if (nameOf(path) === ".git") return await fingerprintOfGit(path, budget);
  return await fingerprintOf(path, (await namesIn(path, budget)).map(({ name }) => name), budget);
}

/** The rest of a repository changes with every commit. */
function fingerprintOfGit(path: string, budget: { left: number }): Promise<string> {
  const names = [...gitSealed, ...gitSealedIfThere].filter((name) => name !== "worktrees");
  return fingerprintOf(path, names, budget);
}

function isBareRepository(entries: readonly Deno.DirEntry[]): boolean {
  return ["HEAD", "objects", "refs"].every((wanted) => entries.some(({ name }) => name === wanted));
}

async function fingerprintOf(
  path: string,
  names: readonly string[],
  budget: { left: number },
): Promise<string> {
  const parts: string[] = [];
  for (const name of names.toSorted()) {
    parts.push(`${name}=${await fingerprint(joinPath(path, name), budget)}`);
  }
  return `{${parts.join(",")}}`;
}

/** The time of change is the kernel's own: nobody can set it. */
function stamp(info: Deno.FileInfo): string {
  return `${info.ino}:${info.size}:${info.ctime?.getTime() ?? info.mtime?.getTime()}`;
}

async function namesIn(directory: string, budget: { left: number }): Promise<Deno.DirEntry[]> {
  const names: Deno.DirEntry[] = [];
  try {
    for await (const entry of Deno.readDir(directory)) {
      if (budget.left-- <= 0) break;
      names.push(entry);
    }
  } catch {
    // Gone, or not for this user to read.
  }
  return names;
}

/** What is said of {@linkcode changedObeyed}, in one sentence. */
export function changedObeyedText(paths: readonly string[]): string {
  const shown = paths.slice(0, 8).join(", ");
  const more = paths.length > 8 ? ` and ${paths.length - 8} more` : "";
  return "changed since the machine went up, and run or obeyed by this host's programs (look " +
    `before you use git, an editor or an agent there): ${shown}${more}`;
}
