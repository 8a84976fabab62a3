import { NixboxError } from "../host/error.ts";
import { fileError } from "../host/files.ts";
import { joinPath, nameOf, parentOf, resolvePath } from "../host/paths.ts";
import { pipe } from "../host/pipe.ts";
import { tellStep } from "../host/progress.ts";
import { realPathWithin, requireNoWayOut } from "../host/way_out.ts";
import { writableSources } from "../share/masks.ts";
import { copyCommands } from "../guest/copy_commands.ts";
import { type CopyWork, guestProgram, hostTar, tellBytes } from "./copy_work.ts";

/** Copies a file, a symlink or a directory of the host into the guest. */
export async function copyIn(work: CopyWork, source: string, target: string): Promise<void> {
  const named = resolvePath(work.options.directory, source);
  const root = await requireNoWayOut(parentOf(named), writableSources(work.record.shares));
  const path = await realEnd(named, source, root);
  const info = await describe(path, source);
  // "." and "a/" name what is in a directory as much as the directory.
  const name = /(^|\/)\.\.?\/?$/.test(source) ? "" : nameOf(path);
  const directoryOnly = work.isOneOfMany && !target.endsWith("/") ? `${target}/` : target;
  const step = `copy ${source} to vm:${target}`;
  const options = {
    onBytes: tellBytes(work, step, info.isFile ? info.size : undefined),
    ...(work.options.signal === undefined ? {} : { signal: work.options.signal }),
  };
  await tellStep(work.emit, step, async () => {
    if (info.isDirectory) {
      const tar = await hostTar(work, path, "create", ["."]);
      const receive = copyCommands.receiveTree(directoryOnly, name);
      return await pipe(tar, guestProgram(work, receive), options);
    }
    const tar = await hostTar(work, parentOf(path), "create", [`./${nameOf(path)}`]);
    const receive = copyCommands.receiveOne(directoryOnly, nameOf(path), nameOf(path));
    await pipe(tar, guestProgram(work, receive), options);
  });
}

/** What comes on standard input becomes a file of the guest. */
export async function streamIn(work: CopyWork, target: string): Promise<void> {
  const step = `copy - to vm:${target}`;
  const stdin = work.options.stdin ?? Deno.stdin.readable;
  await tellStep(work.emit, step, async () => {
    await pipe(stdin, guestProgram(work, copyCommands.receiveStream(target)), {
      onBytes: tellBytes(work, step),
      ...(work.options.signal === undefined ? {} : { signal: work.options.signal }),
    });
  });
}

/** The path with its parents resolved; what it names itself may be a symlink, and stays one. */
async function realEnd(path: string, source: string, root: string | undefined): Promise<string> {
  if (path === "/") return path;
  try {
    return joinPath(await realPathWithin(parentOf(path), root), nameOf(path));
  } catch (error) {
    if (error instanceof NixboxError) throw error;
    throw fileError(`${source} cannot be read`, error);
  }
}

async function describe(path: string, source: string): Promise<Deno.FileInfo> {
  let info: Deno.FileInfo;
  try {
    info = await Deno.lstat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw new NixboxError(`there is no ${source}`);
    throw fileError(`${source} cannot be read`, error);
  }
  if (info.isFile || info.isDirectory || info.isSymlink) return info;
  throw new NixboxError(`${source} is no file and no directory, and is not copied`);
}
