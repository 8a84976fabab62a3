import { isAlive } from "../../host/root/end_process.ts";
import { NixboxError } from "../../base/error.ts";
import { ensurePrivateDirectory, removeIfExists } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { readOwnFile } from "../../host/files/own_file.ts";
import { run } from "../../host/process/run.ts";
import { writableSources } from "../../share/masks.ts";
import type { ShareRecord, VmRecord } from "../../state/record.ts";
import { statePaths } from "../../state/store.ts";
import { parentOf } from "../../base/paths.ts";
import { enoughPercent, lookProgram, programName } from "./machine_watch_program.ts";

/** A file system on which a machine grows, and which has less room than its floor. */
export interface LackOfRoom {
  /** A directory on it: where the machine's disk and logs are, or a share's source. */
  readonly path: string;
  /** What is free, in MiB. */
  readonly freeMB: number;
  /** What must be, in MiB, so that a machine runs. */
  readonly floorMB: number;
  /** What must be, in MiB, so that one that was stopped goes on. */
  readonly neededMB: number;
}

/** Why a machine stands still. */
export interface Pause extends LackOfRoom {
  /** Whether it goes on by itself once there is room: its watch runs. */
  readonly isWatched: boolean;
}

/** What a machine and its watch tell each other; in the machine's runtime directory. */
export function pausePaths(runtimeDirectory: string) {
  return {
    /** There while the machine is stopped: "FREE FLOOR PLACE" (KiB) of each lack. */
    cause: `${runtimeDirectory}/paused`,
    /** Links to a directory on each file system on which the machine grows. */
    places: `${runtimeDirectory}/places`,
    /** Of the same names: links to where that file system begins, which no guest moves or closes. */
    tops: `${runtimeDirectory}/tops`,
  };
}

/** Where on the host a machine grows: its disk and logs, and what its guest can write. */
function growsAt(
  host: Host,
  { id, shares }: { readonly id: string; readonly shares: readonly ShareRecord[] },
): readonly string[] {
  // An overlay is read-only here.
  return [statePaths(host, id).directory, ...writableSources(shares)];
}

/**
 * Tells a machine's watch where to look, once for each file system. To be told again when a share has
 * come or gone.
 */
export async function notePlaces(
  host: Host,
  machine: Pick<VmRecord, "id" | "shares" | "runtimeDirectory">,
): Promise<void> {
  const { places, tops } = pausePaths(machine.runtimeDirectory);
  const wanted = new Map<string, string>();
  const begins = new Map<string, string>();
  for (const path of growsAt(host, machine)) {
    // What is gone meanwhile has no room to tell of.
    const dev = await deviceOf(path);
    if (dev === undefined || wanted.has(`${dev}`)) continue;
    wanted.set(`${dev}`, path);
    begins.set(`${dev}`, await topOf(path, dev));
  }
  await setLinks(host, tops, begins);
  await setLinks(host, places, wanted);
}

async function deviceOf(path: string): Promise<number | undefined> {
  return await Deno.stat(path).then(({ dev }) => dev, () => undefined);
}

/** The last directory above a path, or itself, that is on the same file system. */
async function topOf(path: string, dev: number): Promise<string> {
  const parent = parentOf(path);
  return parent === path || await deviceOf(parent) !== dev ? path : await topOf(parent, dev);
}

async function setLinks(host: Host, directory: string, wanted: ReadonlyMap<string, string>) {
  await ensurePrivateDirectory(directory, host.user.uid);
  for (const [name, path] of wanted) {
    await removeIfExists(`${directory}/.new`);
    await Deno.symlink(path, `${directory}/.new`);
    await Deno.rename(`${directory}/.new`, `${directory}/${name}`);
  }
  for (const { name } of Deno.readDirSync(directory)) {
    if (!wanted.has(name)) await removeIfExists(`${directory}/${name}`);
  }
}

/** Longer than any look at a file system that answers. */
const lookMs = 10_000;

/**
 * Looks, before a machine grows there, whether there is room.
 *
 * @throws {NixboxError} that names the directory, what is free and what is needed.
 */
export async function requireRoom(host: Host, directories: readonly string[]): Promise<void> {
  const argv = ["/bin/sh", "-c", lookProgram(host.shellFunctions), programName];
  const look = [...argv, ...await watchTools(host), "100", ...directories];
  const { stdout } = await run(look, { timeoutMs: lookMs, accept: "any" });
  const lack = parseLack(stdout);
  if (lack === undefined) return;
  throw new NixboxError(`too little room for a machine to grow: ${lackText(lack)}`, {
    hint: `free some space there (\`df -h '${lack.path}'\`) and try again`,
  });
}

/** The programs that the watch runs, by full paths, in the order in which it takes them. */
export async function watchTools(host: Host): Promise<readonly string[]> {
  const names = ["stat", "df", "ps", "tail", "sleep", "curl"];
  return await Promise.all(names.map(async (name) => await host.which(name) ?? name));
}

/** The first lack of those that the watch's program prints. */
export function parseLack(text: string): LackOfRoom | undefined {
  const [, free, floor, path] = /^(\d+) (\d+) (.+)$/m.exec(text) ?? [];
  if (path === undefined) return undefined;
  const floorMB = Math.ceil(Number(floor) / 1024);
  return {
    path,
    freeMB: Math.floor(Number(free) / 1024),
    floorMB,
    neededMB: Math.ceil(Number(floor) * enoughPercent / 100 / 1024),
  };
}

function lackText({ path, freeMB, floorMB }: LackOfRoom): string {
  return `the file system of ${path} has ${freeMB} MB free, and ${floorMB} MB must stay`;
}

/** Why a machine stands still now; `undefined` if it does not. */
export async function readPause(
  host: Host,
  record: Pick<VmRecord, "id" | "runtimeDirectory" | "watch">,
): Promise<Pause | undefined> {
  const text = readOwnFile(pausePaths(record.runtimeDirectory).cause, {
    owners: [host.user.uid],
    mostBytes: 65_536,
    hint: "`nixbox down` stops the machine",
  });
  if (text === undefined) return undefined;
  const { directory } = statePaths(host, record.id);
  // On a disk that is full to the last byte the watch could not write what it found.
  const lack = parseLack(text) ?? { path: directory, freeMB: 0, floorMB: 0, neededMB: 0 };
  const isWatched = record.watch !== undefined && await isAlive(host, record.watch);
  return { ...lack, path: await Deno.readLink(lack.path).catch(() => lack.path), isWatched };
}

/** That a machine stands still, and why, in one sentence. */
export function pauseText(name: string, pause: Pause): string {
  return `${name} is paused: ${lackText(pause)}`;
}

/** What to do about it. */
export function pauseHint({ path, neededMB, isWatched }: Pause): string {
  return isWatched
    ? `free space on ${path} (${neededMB} MB in all) and it goes on by itself; or \`nixbox down\``
    : "its watch has ended: `nixbox doctor --fix` lets it go on; or `nixbox down`";
}

/** How often a command that waits for a guest looks whether it stands still. */
const tellEveryMs = 500;

/**
 * Tells, until it is disposed of, when a machine comes to stand still: whoever waits for its guest sees
 * nothing of it otherwise.
 *
 * @param record The machine as it is at the time; `undefined` where there is none yet.
 */
export function tellPauses(
  host: Host,
  record: () => Promise<VmRecord | undefined>,
  tell: (message: string) => void,
): Disposable {
  let isTold = false;
  const look = async () => {
    const now = await record().catch(() => undefined);
    const pause = now && await readPause(host, now).catch(() => undefined);
    if (now !== undefined && pause !== undefined && !isTold) {
      tell(`${pauseText(now.name, pause)}; ${pauseHint(pause)}`);
    }
    isTold = pause !== undefined;
  };
  const timer = setInterval(() => void look(), tellEveryMs);
  Deno.unrefTimer(timer);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
