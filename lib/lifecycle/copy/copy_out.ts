import { NixboxError } from "../../base/error.ts";
import { exists, fileError } from "../../host/files/files.ts";
import { joinPath, nameOf, resolvePath } from "../../base/paths.ts";
import { pipe, type PipedProgram } from "../../host/process/pipe.ts";
import { lastLines } from "../../host/process/run.ts";
import { tellStep } from "../../base/progress.ts";
import { requireNoSymlinkEscape } from "../../host/files/symlink_escape.ts";
import { writableSources } from "../../share/masks.ts";
import { copyCommands, type GuestFile, parseGuestFile } from "../../guest/copy_commands.ts";
import { runInGuest } from "../../guest/session.ts";
import { tarHeader, tarTrailer } from "./tar_entry.ts";
import {
  type CopyWork,
  guestProgram,
  hostTar,
  realParent,
  tellBytes,
  writableShare,
} from "./copy_work.ts";

/** Copies a file or a directory of the guest to the host; nothing is written beside what was named. */
export async function copyOut(work: CopyWork, source: string, target: string): Promise<void> {
  const file = await describe(work, source);
  if (file.kind === "other") {
    throw new NixboxError(`vm:${source} is neither a file nor a directory, and is not copied`);
  }
  const { parent, name } = await placeFor(work, source, target);
  const step = `copy vm:${source} to ${target}`;
  const { signal } = work.options;
  await tellStep(work.emit, step, async () => {
    if (file.kind === "directory") {
      const { tar, made } = await treeReceiver(work, parent, name);
      const send = guestProgram(work, copyCommands.sendTree(source));
      try {
        return await pipe(send, tar, { onBytes: tellBytes(work, step), signal });
      } catch (error) {
        // Only while it is empty.
        if (made !== undefined) await Deno.remove(made).catch(() => {});
        throw error;
      }
    }
    // The archive is our own, with the one name in it that was asked for.
    const tar = await hostTar(work, parent, "extract", []);
    await pipe(guestProgram(work, copyCommands.sendFile(source, file.size)), tar, {
      head: tarHeader({ name, ...file }),
      tail: tarTrailer(file.size),
      exactly: file.size,
      onBytes: tellBytes(work, step, file.size),
      signal,
    });
  });
}

/** A file of the guest goes to standard output. */
export async function streamOut(work: CopyWork, source: string): Promise<void> {
  const stdout = work.options.stdout ?? Deno.stdout.writable;
  await pipe(guestProgram(work, copyCommands.sendStream(source)), stdout, {
    signal: work.options.signal,
  });
}

async function describe(work: CopyWork, source: string): Promise<GuestFile> {
  const { runtimeDirectory } = work.record;
  const { code, stdout, stderr } = await runInGuest(
    runtimeDirectory,
    copyCommands.describe(source),
    { timeoutMs: 30_000 },
  );
  const file = code === 0 ? parseGuestFile(stdout) : undefined;
  if (file !== undefined) return file;
  const [reason = "it is not there"] = lastLines(stderr, 1);
  throw new NixboxError(`vm:${source} cannot be read: ${reason.replace(/^stat: /, "")}`);
}

interface Place {
  /** Real path of the directory that it goes to. */
  readonly parent: string;
  readonly name: string;
}

/** @throws {NixboxError} if the destination's directory is not there. */
async function placeFor(work: CopyWork, source: string, target: string): Promise<Place> {
  const path = resolvePath(work.options.directory, target);
  // A link in the destination's own place counts too, although it would not be followed.
  await requireNoSymlinkEscape(path, writableSources(work.record.shares));
  const isDirectory = await directoryAt(path);
  const mustBeDirectory = work.isOneOfMany || target.endsWith("/");
  if (mustBeDirectory && !isDirectory) {
    throw new NixboxError(`${target} is not a directory`, { hint: `make it: \`mkdir ${target}\`` });
  }
  const own = nameOf(source.replace(/\/+$/, ""));
  const isNameless = own === "" || own === "." || own === ".." || own === "~";
  const full = isDirectory && !isNameless ? joinPath(path, own) : path;
  const parent = await realParent(work, full, `${target} cannot be written`);
  return { parent, name: nameOf(full) };
}

async function directoryAt(path: string): Promise<boolean> {
  try {
    return (await Deno.stat(path)).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw fileError(`${path} cannot be written`, error);
  }
}

/**
 * A tar that receives a tree as `parent/name`. The guest made the archive, so that whatever it names
 * must end below there: tar's root is that directory, or the share in which it lies.
 */
async function treeReceiver(
  work: CopyWork,
  parent: string,
  name: string,
): Promise<{ tar: PipedProgram; made?: string }> {
  const path = joinPath(parent, name);
  const confinement = await work.host.confinement();
  if (!await exists(path)) {
    // There a name of the host's own making could lead elsewhere a moment later: tar makes it.
    if (confinement === "namespace" && writableShare(work.record, parent) !== undefined) {
      return { tar: await hostTar(work, parent, "extract", [`--one-top-level=${name}`]) };
    }
    await Deno.mkdir(path);
    return { tar: await hostTar(work, path, "extract", []), made: path };
  }
  if (confinement === undefined) {
    throw new NixboxError(`${path} is there, and this host cannot keep a copy within it`, {
      hint: "take a new name, or allow user namespaces (`nixbox doctor` says how)",
    });
  }
  const info = await Deno.lstat(path);
  if (!info.isDirectory) {
    throw new NixboxError(`${path} is there and no directory`, {
      hint: info.isSymlink ? "it is a symlink, which is not followed" : "take another name",
    });
  }
  return { tar: await hostTar(work, path, "extract", []) };
}
