import type { Host } from "../host/host.ts";
import { messageOf, NixboxError } from "../base/error.ts";
import {
  lstatIfExists,
  removeIfExists,
  removeUnfinished,
  removeUnfinishedIn,
  writeTextAtomically,
} from "../host/files/files.ts";
import { type HeldLock, takeLock } from "../host/files/lock.ts";
import { holderOf } from "../host/process/lock_holder.ts";
import { readOwnFile } from "../host/files/own_file.ts";
import { parseJson } from "../base/json.ts";
import type { Emit } from "../base/progress.ts";
import { addGuestWritable } from "./guest_writable.ts";
import { atWorkText, type Work } from "./at_work.ts";
import { isVmRecord, type VmRecord } from "./record.ts";

/** Where things of one project are kept. */
export interface StatePaths {
  /** Disks, logs and the build of one project; survives `down`. */
  readonly directory: string;
  readonly record: string;
  readonly lock: string;
  readonly logs: string;
}

/** The paths of project `id` under the state directory. */
export function statePaths(host: Host, id: string): StatePaths {
  const directory = `${host.paths.state}/projects/${id}`;
  return {
    directory,
    record: `${host.paths.state}/machines/${id}.json`,
    lock: `${directory}/lock`,
    logs: `${directory}/logs`,
  };
}

async function prepareState(host: Host, id: string): Promise<StatePaths> {
  const paths = statePaths(host, id);
  await requireOwnState(host);
  for (const directory of [paths.logs, `${host.paths.state}/machines`]) {
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
  }
  return paths;
}

/** What the host runs is told by what lies there: nobody else may write to it. */
async function requireOwnState({ paths: { state }, user }: Host): Promise<void> {
  const found = await lstatIfExists(state);
  if (found === undefined) return;
  const isOwn = found.isDirectory && found.uid === user.uid &&
    ((found.mode ?? 0o777) & 0o022) === 0;
  if (isOwn) return;
  throw new NixboxError(`${state} is not a directory that only you can write to`, {
    where: state,
    hint: "make it one (`chmod go-w`), or set XDG_STATE_HOME to a directory of yours",
  });
}

/** The record of a project's machine; `undefined` if there is none. */
export async function readRecord(host: Host, id: string): Promise<VmRecord | undefined> {
  const path = statePaths(host, id).record;
  const text = readOwnFile(path, { owners: [host.user.uid], mostBytes: mostRecordBytes, hint });
  return await Promise.resolve(text === undefined ? undefined : parseRecord(text, path, id));
}

/** Thousands of shares fit. */
const mostRecordBytes = 1_000_000;

const hint = "`nixbox doctor --fix` ends what can be told to be the machine's, and removes it";

/**
 * @param id The project that it must be of, where that is known.
 * @throws {NixboxError} for a record of another version or one that was tampered with.
 */
export function parseRecord(text: string, path: string, id?: string): VmRecord {
  const value = withKind(parseJson(text));
  if (isVmRecord(value) && (id === undefined || value.id === id)) return value;
  throw new NixboxError(`${path} is not a record of this version of nixbox`, {
    where: path,
    hint: `run \`nixbox down\` with the version that started the machine, or: ${hint}`,
  });
}

/** Version 2 knew machines on a tap only, and did not say so. */
function withKind(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Reflect.get(value, "version") !== 2) {
    return value;
  }
  const network: unknown = Reflect.get(value, "network");
  if (typeof network !== "object") return value;
  return { ...value, version: 3, network: { kind: "tap", ...network } };
}

/** Before anything of it is served, what its guest can write is remembered for good. */
export async function writeRecord(host: Host, record: VmRecord): Promise<void> {
  if (record.state !== "stopping") await addGuestWritable(host, writableSources(record));
  await writeTextAtomically(
    statePaths(host, record.id).record,
    `${JSON.stringify(record, null, 2)}\n`,
  );
}

/** What the machine's guest can write: real paths on this host. */
export function writableSources({ project, shares }: VmRecord): readonly string[] {
  return [
    project,
    ...shares.filter((share) => !share.readonly && !share.overlay).map(({ source }) => source),
  ];
}

export async function removeRecord(host: Host, id: string): Promise<void> {
  await removeIfExists(statePaths(host, id).record);
}

export interface RecordListing {
  readonly records: readonly VmRecord[];
  /** Records that cannot be read: one sentence each. */
  readonly problems: readonly string[];
  /** Their ids, in the same order. */
  readonly unreadable: readonly string[];
}

/** Every machine of this user that is up, starting, or was left behind; sorted by name. */
export async function listRecords(host: Host): Promise<RecordListing> {
  const records: VmRecord[] = [];
  const problems: string[] = [];
  const unreadable: string[] = [];
  for (const id of await recordIds(host)) {
    try {
      const record = await readRecord(host, id);
      if (record !== undefined) records.push(record);
    } catch (error) {
      problems.push(messageOf(error));
      unreadable.push(id);
    }
  }
  return { records: records.sort((a, b) => a.name < b.name ? -1 : 1), problems, unreadable };
}

/** Ids of all records, readable or not. */
export function recordIds(host: Host): Promise<string[]> {
  return idsOf(host, /^([0-9a-f]{12})\.json$/);
}

/** Ids of records that are being written now, or whose writer was killed. */
export async function unfinishedRecordIds(host: Host): Promise<string[]> {
  return [...new Set(await idsOf(host, /^([0-9a-f]{12})\.json\.[0-9a-f]{8}\.new$/))];
}

async function idsOf(host: Host, pattern: RegExp): Promise<string[]> {
  const ids: string[] = [];
  try {
    for await (const entry of Deno.readDir(`${host.paths.state}/machines`)) {
      const id = pattern.exec(entry.name)?.[1];
      if (id !== undefined) ids.push(id);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return ids;
}

/**
 * Takes the lock under which one project's machine is started, changed and stopped; tells if it waits.
 * Who holds it finds the project's directories there.
 */
export async function lockProject(
  host: Host,
  id: string,
  options: { timeoutMs: number; emit?: Emit; signal?: AbortSignal; work?: Work },
): Promise<HeldLock> {
  const paths = await prepareState(host, id);
  const process = await host.processes.identify(Deno.pid);
  const lockNote = options.work !== undefined && typeof process === "object"
    ? { note: atWorkText({ work: options.work, process }) }
    : {};
  const note = { kind: "note", message: "another nixbox is at work here: waiting for it" } as const;
  const held = await takeLock(paths.lock, {
    ...options,
    ...lockNote,
    onWait: () => options.emit?.(note),
  });
  if (held !== undefined) {
    // All of these are written by whoever holds the lock, so nobody is at it now.
    await removeUnfinished(paths.record);
    await removeUnfinished(`${paths.directory}/state-version`);
    for (const name of ["build", "obeyed"]) await removeUnfinishedIn(`${paths.directory}/${name}`);
    return held;
  }
  throw new NixboxError("another nixbox command is at work on this project", {
    where: paths.lock,
    hint: `${await holderOf(host, paths.lock)}; wait for it to end and try again`,
  });
}
