import { sha256 } from "../host/hash.ts";
import { exists, readTextIfExists, writeTextAtomically } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { parseJson } from "../host/json.ts";
import { isWithin } from "../host/paths.ts";
import {
  type Check,
  isArrayOf,
  isNumber,
  isObjectOf,
  isOneOf,
  isOptional,
  isString,
} from "./shape.ts";

/** A time in which a guest could write to a directory of the host. Milliseconds since 1970. */
export interface Exposure {
  /** Real path. */
  readonly source: string;
  /** What it could not see of it, and which directory that was: one made later is not covered. */
  readonly masks: readonly { readonly path: string; readonly identity: string }[];
  readonly since: number;
  /** Absent while it goes on. */
  readonly until?: number | undefined;
}

/** A file as the user has seen it. */
export interface SeenFile {
  readonly path: string;
  /** What a link in its place, or on the way to it, led to: Nix counts imports from there. */
  readonly realPath: string;
  readonly hash: string;
}

/** What is known of the files of one project that the host evaluates or runs. */
export interface TrustState {
  /** The version of this format. */
  readonly version: 1;
  /** The project's directory. */
  readonly project: string;
  /** When all of `files` were last known to be as the user left them. */
  readonly trustedAt: number;
  /** Each file as it was seen: where it really was, and the SHA-256 of what was in it. */
  readonly files: readonly SeenFile[];
  /** Files outside of `.nixbox` that the config led to. */
  readonly roots: readonly string[];
  readonly exposures: readonly Exposure[];
}

const isTrustState: Check<TrustState> = isObjectOf<TrustState>({
  version: isOneOf(1),
  project: isString,
  trustedAt: isNumber,
  files: isArrayOf(isObjectOf<SeenFile>({ path: isString, realPath: isString, hash: isString })),
  roots: isArrayOf(isString),
  exposures: isArrayOf(isObjectOf<Exposure>({
    source: isString,
    masks: isArrayOf(
      isObjectOf<Exposure["masks"][number]>({ path: isString, identity: isString }),
    ),
    since: isNumber,
    until: isOptional(isNumber),
  })),
});

function directoryOf(host: Pick<Host, "paths">, id: string): string {
  return `${host.paths.state}/projects/${id}`;
}

/** What is known of a project; nothing yet, if it never went up. */
export async function readTrust(
  host: Pick<Host, "paths">,
  id: string,
  project: string,
): Promise<TrustState> {
  const known = await readState(`${directoryOf(host, id)}/trust.json`);
  return known ?? { version: 1, project, trustedAt: 0, files: [], roots: [], exposures: [] };
}

async function readState(path: string): Promise<TrustState | undefined> {
  const text = await readTextIfExists(path);
  const value = text === undefined ? undefined : parseJson(text);
  return isTrustState(value) ? value : undefined;
}

/** Where this user's machines could ever write: a project's own, by its state, and all others. */
export async function allExposures(
  host: Pick<Host, "paths">,
  id: string,
  state: TrustState,
): Promise<readonly Exposure[]> {
  const exposures = [...state.exposures];
  try {
    for await (const { name } of Deno.readDir(`${host.paths.state}/projects`)) {
      if (name === id) continue;
      const other = await readState(`${directoryOf(host, name)}/trust.json`);
      exposures.push(...other?.exposures ?? []);
    }
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
  return exposures;
}

/** Those that go on: machines that are up. */
export function openExposures(exposures: readonly Exposure[]): readonly Exposure[] {
  return exposures.filter(({ until }) => until === undefined);
}

/**
 * Writes the state. `contents` are kept, so that a later change can be shown: only of files that a
 * guest sees anyway, since a config may have secrets in it.
 */
export async function writeTrust(
  host: Pick<Host, "paths">,
  id: string,
  state: TrustState,
  contents: readonly Uint8Array<ArrayBuffer>[] = [],
): Promise<void> {
  const directory = directoryOf(host, id);
  await Deno.mkdir(`${directory}/seen`, { recursive: true, mode: 0o700 });
  for (const content of contents) {
    const copy = `${directory}/seen/${await sha256(content)}`;
    if (!await exists(copy)) await Deno.writeFile(copy, content, { mode: 0o600 });
  }
  await writeTextAtomically(`${directory}/trust.json`, `${JSON.stringify(state, null, 2)}\n`);
}

/** The text of a file as it was seen; `undefined` if it never was, or was hidden from every guest. */
export async function seenText(
  host: Pick<Host, "paths">,
  id: string,
  state: TrustState,
  path: string,
): Promise<string | undefined> {
  const seen = state.files.find((file) => file.path === path);
  if (seen === undefined) return undefined;
  return await readTextIfExists(`${directoryOf(host, id)}/seen/${seen.hash}`);
}

/** A file as it is now. */
export interface WatchedFile {
  readonly path: string;
  /** Where it really is. */
  readonly realPath: string;
  readonly content: Uint8Array<ArrayBuffer>;
  /** Permission bits. */
  readonly mode: number;
  readonly hash: string;
  /** When its content, or what its path leads to, last changed: no guest can set that (ctime). */
  readonly changedAt: number;
}

/** File systems keep times in steps of up to two seconds. */
const clockStepMs = 2000;

/**
 * Whether a guest may have written a file since the user last saw it.
 *
 * @param exposures Of this project's machine and of all others.
 * @param isMaskIntact Whether what an exposure covered is still the directory that it covered.
 */
export function isSuspect(
  file: Pick<WatchedFile, "path" | "realPath" | "hash" | "changedAt">,
  state: TrustState,
  configDirectory: string,
  exposures: readonly Exposure[],
  isMaskIntact: (mask: Exposure["masks"][number]) => boolean,
): boolean {
  if (isAsSeen(file, state)) return false;
  const seen = state.files.find(({ path }) => path === file.path);
  // What is new in `.nixbox` was not there when the last machine ended; elsewhere nobody looked.
  const isKnownPlace = seen !== undefined || isWithin(file.path, configDirectory);
  return exposures.some((exposure) =>
    coversFile(exposure, file, isMaskIntact) &&
    (!isKnownPlace || exposure.until === undefined || exposure.until > state.trustedAt) &&
    file.changedAt >= exposure.since - clockStepMs
  );
}

/** Whether a file is, and lies, as the user saw it. */
export function isAsSeen(
  file: Pick<WatchedFile, "path" | "realPath" | "hash">,
  state: TrustState,
): boolean {
  return state.files.some(({ path, realPath, hash }) =>
    path === file.path && realPath === file.realPath && hash === file.hash
  );
}

/** Whether a guest could write at a path in the time of an exposure. */
export function covers(
  exposure: Exposure,
  path: string,
  isMaskIntact: (mask: Exposure["masks"][number]) => boolean,
): boolean {
  return isWithin(path, exposure.source) &&
    !exposure.masks.some((mask) => isWithin(path, mask.path) && isMaskIntact(mask));
}

/** Whether a guest could write to a file: at its path, or where that leads. */
export function coversFile(
  exposure: Exposure,
  file: Pick<WatchedFile, "path" | "realPath">,
  isMaskIntact: (mask: Exposure["masks"][number]) => boolean,
): boolean {
  return [file.path, file.realPath].some((path) => covers(exposure, path, isMaskIntact));
}

/** The exposures with some more that begin now; one of the same directory is one that goes on. */
export function withExposures(
  known: readonly Exposure[],
  added: readonly Pick<Exposure, "source" | "masks">[],
  now: number,
): readonly Exposure[] {
  const rest = known.filter(({ source }) => !added.some((one) => one.source === source));
  const begun = added.map(({ source, masks }) => {
    const since = known.filter((one) => one.source === source).map((one) => one.since);
    return { source, masks, since: Math.min(now, ...since) };
  });
  return [...rest, ...begun];
}
