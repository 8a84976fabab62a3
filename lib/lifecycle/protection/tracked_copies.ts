import { directoryIdentity, exists, removeIfExists } from "../../host/files/files.ts";
import { type GitIndexEntry, type GitRepository, readGitTracking } from "../../git/tracking.ts";
import type { Host } from "../../host/host.ts";
import { joinPath, nameOf, parentOf, pathBelow } from "../../base/paths.ts";
import { pipe } from "../../host/process/pipe.ts";
import { toolMs } from "../../host/process/run.ts";
import { readRegularFile } from "../../host/files/regular_file.ts";
import { copiesOf, type CoveredShare } from "../../share/covers.ts";
import { readBlobArgv } from "../../share/git_objects.ts";
import { confinedProgram } from "./confined.ts";

/** More than any config has. Copies lie in memory, so that there is a bound. */
const mostBytes = 4_194_304;
const mostFiles = 512;

/**
 * Puts beside a share's socket what the guest sees in place of each `.nixbox` that git tracks: the
 * tracked files as the index has them, so that the guest's git sees nothing changed and nothing
 * missing. Keys and what git does not track are not among them.
 *
 * @returns One sentence for each `.nixbox` that the guest's git will take for deleted.
 */
export async function stageTrackedCopies(
  host: Host,
  share: CoveredShare,
): Promise<readonly string[]> {
  const warnings: string[] = [];
  await removeIfExists(parentOf(copiesOf(share, 0)));
  for (const [index, mask] of share.masks.entries()) {
    if (nameOf(mask) !== ".nixbox") continue;
    const target = copiesOf(share, index);
    try {
      await stage(host, mask, target);
    } catch (error) {
      await removeIfExists(target);
      const reason = error instanceof Error ? error.message : String(error);
      warnings.push(
        `the guest's git sees ${mask} as deleted, and a commit of all changes there would delete ` +
          `it: ${reason}`,
      );
    }
  }
  return warnings;
}

async function stage(host: Host, mask: string, target: string): Promise<void> {
  const tracking = await readGitTracking(parentOf(mask), mask);
  if (tracking.kind === "none") return;
  if (tracking.kind === "unknown") throw new Error(tracking.reason);
  const { repository } = tracking;
  const prefix = pathBelow(mask, repository.top);
  const entries = tracking.entries.filter(({ path }) => path.startsWith(`${prefix}/`))
    .filter(({ path }) => !/^ssh\//i.test(path.slice(prefix.length + 1)))
    .filter(({ intentToAdd }) => !intentToAdd);
  if (entries.length === 0) {
    if (tracking.entries.some(({ path }) => path === prefix)) {
      throw new Error("git tracks it as something else than a directory");
    }
    return;
  }
  requireSound(entries, repository);
  await Deno.mkdir(target, { recursive: true, mode: 0o755 });
  const reader = new BlobReader(host, repository, `${target}.root`);
  // Files before symlinks: nothing is written through one.
  for (const entry of entries.toSorted((a, b) => Number(isLink(a)) - Number(isLink(b)))) {
    const place = joinPath(target, entry.path.slice(prefix.length + 1));
    if (entry.mode === 0o160000) {
      await Deno.mkdir(place, { recursive: true });
      continue;
    }
    await Deno.mkdir(parentOf(place), { recursive: true });
    const content = await reader.read(entry);
    if (isLink(entry)) await Deno.symlink(new TextDecoder().decode(content), place);
    else {
      const mode = entry.mode & 0o777;
      await Deno.writeFile(place, content, { createNew: true, mode });
      await Deno.chmod(place, mode);
    }
  }
}

function isLink({ mode }: GitIndexEntry): boolean {
  return mode === 0o120000;
}

/** The index may be a guest's work: no path of it may lie in a file or a symlink of it. */
function requireSound(entries: readonly GitIndexEntry[], repository: GitRepository): void {
  if (!repository.isMutual) throw new Error(`${repository.gitDirectory} does not know of it`);
  if (entries.length > mostFiles) throw new Error(`git tracks more than ${mostFiles} files there`);
  if (entries.some(({ stage }) => stage !== 0)) throw new Error("a merge there is not ended");
  const paths = new Set(entries.map(({ path }) => path.toLowerCase()));
  if (paths.size !== entries.length) throw new Error("git's index names a file twice");
  for (const { path } of entries) {
    for (let at = parentOf(`/${path}`); at !== "/"; at = parentOf(at)) {
      if (paths.has(at.slice(1).toLowerCase())) throw new Error("git's index is wrong");
    }
  }
}

/** Reads blobs: from the work tree where it has the same content, else from the objects. */
class BlobReader {
  #left = mostBytes;

  constructor(
    readonly host: Host,
    readonly repository: GitRepository,
    readonly root: string,
  ) {}

  async read(entry: GitIndexEntry): Promise<Uint8Array<ArrayBuffer>> {
    const content = await this.#fromWorkTree(entry) ?? await this.#fromObjects(entry);
    this.#left -= content.length;
    if (this.#left < 0) throw new Error("what git tracks there is too large");
    return content;
  }

  async #fromWorkTree(entry: GitIndexEntry): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const path = joinPath(this.repository.top, entry.path);
    if (isLink(entry)) {
      const link = await Deno.readLink(path).catch(() => undefined);
      const bytes = link === undefined ? undefined : new TextEncoder().encode(link);
      return bytes !== undefined && await this.#isBlob(bytes, entry) ? bytes : undefined;
    }
    const bytes = await readRegularFile(path, this.#left).catch(() => undefined);
    return bytes !== undefined && await this.#isBlob(bytes, entry) ? bytes : undefined;
  }

  async #isBlob(bytes: Uint8Array<ArrayBuffer>, { objectId }: GitIndexEntry): Promise<boolean> {
    const header = new TextEncoder().encode(`blob ${bytes.length}\0`);
    const whole = new Uint8Array(header.length + bytes.length);
    whole.set(header);
    whole.set(bytes, header.length);
    const algorithm = this.repository.objectFormat === "sha1" ? "SHA-1" : "SHA-256";
    const digest = new Uint8Array(await crypto.subtle.digest(algorithm, whole));
    return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") === objectId;
  }

  async #fromObjects(entry: GitIndexEntry): Promise<Uint8Array<ArrayBuffer>> {
    const { host, repository, root } = this;
    const git = await host.which("git");
    const isConfined = await host.confinement() === "namespace";
    if (git === undefined || !isConfined) {
      throw new Error(`${entry.path} is not as git has it, and git cannot be asked here`);
    }
    const source = joinPath(repository.commonDirectory, "objects");
    const objects = { source, identity: await directoryIdentity(source) };
    if (!await exists(root)) await Deno.mkdir(root, { mode: 0o700 });
    try {
      const program = await confinedProgram(host, await Deno.realPath(git));
      const { objectFormat } = repository;
      const argv = readBlobArgv(program, objects, root, objectFormat, entry.objectId);
      const content = await collected({ argv, name: "git" }, this.#left);
      if (await this.#isBlob(content, entry)) return content;
      throw new Error(`git has no ${entry.path}`);
    } finally {
      await removeIfExists(root);
    }
  }
}

async function collected(
  program: { readonly argv: readonly string[]; readonly name: string },
  limit: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const sink = new WritableStream<Uint8Array<ArrayBuffer>>({
    write: (chunk) => {
      length += chunk.length;
      if (length > limit) throw new Error("what git tracks there is too large");
      chunks.push(chunk);
    },
  });
  await pipe(program, sink, { timeoutMs: toolMs });
  const content = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    content.set(chunk, at);
    at += chunk.length;
  }
  return content;
}
