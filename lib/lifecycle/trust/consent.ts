import type { Config, Project } from "../../config/config.ts";
import { assetsDirectory } from "../../host/assets.ts";
import { NixboxError } from "../../base/error.ts";
import { sha256 } from "../../base/hash.ts";
import type { Host } from "../../host/host.ts";
import { requireNoSymlinkEscape } from "../../host/files/symlink_escape.ts";
import {
  isAcceptedHash,
  keepLastAccepted,
  noteAcceptedHash,
  readLastAccepted,
} from "../../state/consents.ts";
import { requireMigrated } from "../../config/earlier_tool.ts";
import { Gathered, lineOf } from "./gathered.ts";
import { changesOf, contentFiles, type FileChange } from "./changes.ts";
import { examine, type Examined } from "./examine.ts";
import { foreignKeys, requireUntrackedKeys } from "./keys.ts";
import { hasCommands, isBuiltIn, rootOfPlugin } from "./plugin_files.ts";
import { type HostRequest, requestsOf } from "./requests.ts";
import { Snapshot } from "./snapshot.ts";

/** A project's content, and what it asks of this host, for a person to look at. */
export interface Review {
  /** SHA-256 of the content: accepted once, it is accepted wherever it lies. */
  readonly hash: string;
  /** Whether it may be used on this host. */
  readonly isAccepted: boolean;
  /** Whether an earlier content of this project was accepted. */
  readonly isChange: boolean;
  /** Hashes of the key pairs that it brings; they are part of {@linkcode Review.hash}. */
  readonly foreignKeys: readonly string[];
  /** What it asks for beyond the project's own directory. */
  readonly requests: readonly HostRequest[];
  /** What is different from the content that was accepted last. */
  readonly changes: readonly FileChange[];
}

/**
 * A project's content was not accepted on this host; nothing of it was run.
 *
 * ```ts
 * import { ConsentNeeded, openProject } from "nixbox";
 *
 * const project = await openProject(".");
 * try {
 *   await project.up();
 * } catch (error) {
 *   if (!(error instanceof ConsentNeeded)) throw error;
 *   for (const { kind, detail } of error.review.requests) console.log(kind, detail);
 *   if (confirm("May it?")) await project.accept(error.review.hash);
 * }
 * ```
 */
export class ConsentNeeded extends NixboxError {
  /** Always `ConsentNeeded`. */
  override readonly name = "ConsentNeeded";
  /** Makes the error of what there is to accept. */
  constructor(
    /** What there is to accept. */
    readonly review: Review,
    configFile: string,
  ) {
    const { hash, isChange, requests, changes } = review;
    super(
      isChange
        ? "this project's config has changed since it was accepted on this host"
        : "this project's config was not accepted on this host, and it decides what runs here",
      {
        where: configFile,
        hint: `read it, then accept it: \`nixbox trust\`; without a terminal: ` +
          `\`nixbox trust --accept ${hash}\``,
        log: [
          ...requests.length === 0 ? ["it asks for nothing outside of its directory"] : [],
          ...requests.map(({ kind, detail }) => `${kind}: ${detail}`),
          ...changes.slice(0, 20).map(changeLine),
          ...changes.length > 20 ? [`and ${changes.length - 20} more files`] : [],
        ],
      },
    );
  }
}

function changeLine({ name, before, after }: FileChange): string {
  return `${after === undefined ? "gone" : before === undefined ? "new" : "changed"}: ${name}`;
}

/** A config that the user has accepted, with the files that it was made of. */
export interface AcceptedConfig extends AsyncDisposable {
  readonly config: Config;
  readonly examined: Examined;
  /** A private copy of the accepted files, to build and run from. */
  readonly snapshot: Snapshot;
}

/**
 * A project's config, if the user has accepted its content.
 *
 * @throws {ConsentNeeded} with what there is to accept; {NixboxError} as the config is wrong.
 */
export async function openAcceptedConfig(
  host: Host,
  project: Project,
  signal?: AbortSignal,
): Promise<AcceptedConfig> {
  await requireMigrated(project);
  await requireUntrackedKeys(host, project);
  const snapshot = await Snapshot.make(host);
  try {
    const examined = await examine(host, project, snapshot, signal);
    const review = await reviewOf(host, project, examined);
    if (!review.isAccepted) throw new ConsentNeeded(review, project.configFile);
    await remember(host, project, examined);
    const { config } = examined;
    await requireNoLinks(config, project);
    return {
      config,
      examined,
      snapshot,
      [Symbol.asyncDispose]: () => snapshot[Symbol.asyncDispose](),
    };
  } catch (error) {
    await snapshot[Symbol.asyncDispose]();
    throw error;
  }
}

/** Keeps what is used, for the next difference: it may have been accepted in another place. */
async function remember(host: Host, project: Project, examined: Examined): Promise<void> {
  if (readLastAccepted(host, project.id)?.hash === examined.hash) return;
  const files = await contentFiles(examined.gathered, examined.config.env);
  await keepLastAccepted(host, project.id, examined.hash, files);
}

/** As {@linkcode openAcceptedConfig}, for the config alone. */
export async function loadAcceptedConfig(host: Host, project: Project): Promise<Config> {
  await using accepted = await openAcceptedConfig(host, project);
  return accepted.config;
}

/** Looks at a project's content as it is now; nothing of it is run. */
export async function reviewProject(
  host: Host,
  project: Project,
): Promise<{ readonly review: Review; readonly accept: () => Promise<void> }> {
  await using snapshot = await Snapshot.make(host);
  const examined = await examine(host, project, snapshot);
  const review = await reviewOf(host, project, examined, true);
  // What was looked at is what is accepted, whatever has been written meanwhile.
  return { review, accept: () => accept(host, project, examined, review.foreignKeys) };
}

/**
 * Accepts a project's content by its hash.
 *
 * @throws {NixboxError} if that is not the hash of the content as it is now.
 */
export async function acceptContent(host: Host, project: Project, hash: string): Promise<void> {
  const { review, accept } = await reviewProject(host, project);
  if (review.hash === hash) return await accept();
  throw new NixboxError(`the content of this project is ${review.hash}, not ${hash}`, {
    where: project.configFile,
    hint: "it has changed, or this is another project: look at it with `nixbox trust --show`",
  });
}

async function accept(
  host: Host,
  project: Project,
  examined: Pick<Examined, "hash" | "gathered" | "config">,
  keys: readonly string[],
): Promise<void> {
  const files = await contentFiles(examined.gathered, examined.config.env);
  for (const key of keys) await noteAcceptedHash(host, "keys", key);
  await keepLastAccepted(host, project.id, examined.hash, files);
  await noteAcceptedHash(host, "contents", examined.hash);
}

/** What a command of the user's has written into a project: contents by their names from there. */
export type Written = ReadonlyMap<string, string>;

/**
 * Accepts what this program has just written at the user's command: if the content was accepted before,
 * nothing else in it has changed, the files are what was written, and it comes to the same as before.
 *
 * @param before The content before; `undefined` if there was none that was accepted.
 */
export async function acceptWritten(
  host: Host,
  project: Project,
  before: Examined | undefined,
  written: Written,
): Promise<void> {
  if (before === undefined || written.size === 0) return;
  const after = await examineIfWhole(host, project);
  if (after === undefined || after.hash === before.hash) return;
  if (after.decisions !== before.decisions) return;
  if (!await isWhatWasWritten(after.gathered, written)) return;
  if (await isSameBut(before.gathered, after.gathered, written)) {
    await accept(host, project, after, []);
  }
}

/** Accepts what this program has written into a new project, if all of its content is that. */
export async function acceptNew(host: Host, project: Project, written: Written): Promise<void> {
  const examined = await examineIfWhole(host, project);
  if (examined === undefined) return;
  const nothing = new Gathered(project.directory);
  nothing.addDirectory(project.configDirectory);
  if (!await isWhatWasWritten(examined.gathered, written)) return;
  if (await isSameBut(nothing, examined.gathered, written)) {
    await accept(host, project, examined, []);
  }
}

async function isWhatWasWritten(gathered: Gathered, written: Written): Promise<boolean> {
  for (const { name, entry } of gathered.named()) {
    const text = written.get(name);
    if (text === undefined) continue;
    if (entry.kind !== "file" || await sha256(entry.content) !== await sha256(text)) return false;
  }
  return true;
}

/** Directories count, but for those that hold what was written. */
async function isSameBut(before: Gathered, after: Gathered, written: Written): Promise<boolean> {
  const names = [...written.keys()];
  const isWritten = (name: string) =>
    names.some((one) => one === name || one.startsWith(`${name}/`));
  const lines = async (gathered: Gathered) =>
    (await Promise.all(gathered.named().filter(({ name }) => !isWritten(name)).map(lineOf))).join();
  return await lines(before) === await lines(after);
}

/** A project's content; `undefined` where it does not resolve. */
export async function examineIfWhole(
  host: Host,
  project: Project,
): Promise<Examined | undefined> {
  await using snapshot = await Snapshot.make(host);
  try {
    return await examine(host, project, snapshot);
  } catch (error) {
    if (error instanceof NixboxError) return undefined;
    throw error;
  }
}

/** As {@linkcode examineIfWhole}, and `undefined` where the user has not accepted it. */
export async function examineIfAccepted(
  host: Host,
  project: Project,
): Promise<Examined | undefined> {
  const examined = await examineIfWhole(host, project);
  if (examined === undefined) return undefined;
  return await isAcceptedHash(host, "contents", examined.hash) ? examined : undefined;
}

async function reviewOf(
  host: Host,
  project: Project,
  { config, mounts, gathered, hash }: Examined,
  isWanted = false,
): Promise<Review> {
  const keys = await foreignKeys(host, project);
  const isAccepted = await isAcceptedHash(host, "contents", hash) && keys.length === 0;
  if (isAccepted && !isWanted) {
    return { hash, foreignKeys: [], isAccepted, isChange: false, requests: [], changes: [] };
  }
  const assets = await assetsDirectory();
  const plugins = config.plugins.filter(({ path }) => !isBuiltIn(path, assets));
  const withCommands: string[] = [];
  for (const plugin of plugins) {
    const root = rootOfPlugin(plugin.path);
    if (await hasCommands([root])) withCommands.push(root);
  }
  const requests = requestsOf({
    config,
    project,
    mounts,
    realPath: realPathOr,
    own: assets,
    pluginsWithCommands: withCommands,
    locks: {
      project: gathered.text(`${project.configDirectory}/flake.lock`),
      own: await Deno.readTextFile(`${assets}/flake.lock`),
    },
    foreignKeys: keys.map(({ path }) => path),
  });
  const isChange = readLastAccepted(host, project.id) !== undefined;
  const changes = await changesOf(host, project.id, await contentFiles(gathered, config.env));
  if (requests.length > mostRequests) throw tooManyRequests(requests.length, project);
  const foreign = keys.map((key) => key.hash);
  // Without its own keys, it is the content's.
  const shown = foreign.length === 0 ? hash : await sha256(JSON.stringify([hash, foreign]));
  return { hash: shown, foreignKeys: foreign, isAccepted, isChange, requests, changes };
}

/** More than a person would read. */
const mostRequests = 500;

function tooManyRequests(count: number, project: Project): NixboxError {
  return new NixboxError(`the config asks for ${count} things of this host`, {
    where: project.configFile,
    hint: `nobody reads more than ${mostRequests}: it is refused`,
  });
}

function realPathOr(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    return path;
  }
}

/**
 * Shares, scripts and secrets are handed to the guest, so it may change them; but a link in their
 * place must not lead to what it cannot see anyway.
 */
async function requireNoLinks(config: Config, project: Project): Promise<void> {
  const writable = config.mounts.filter(({ readonly, overlay }) => !readonly && !overlay);
  const roots = [project.directory, ...writable.map(({ source }) => source)];
  const files = [
    ...config.mounts.map(({ source }) => source),
    ...config.scripts.map(({ path }) => path),
    ...Object.values(config.env).flatMap((value) =>
      typeof value === "object" && "file" in value ? [value.file] : []
    ),
  ];
  for (const path of files) await requireNoSymlinkEscape(path, roots);
}
