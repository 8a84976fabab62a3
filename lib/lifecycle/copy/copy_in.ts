import { NixboxError } from "../../base/error.ts";
import { fileError } from "../../host/files/files.ts";
import { joinPath, nameOf, resolvePath } from "../../base/paths.ts";
import { pipe } from "../../host/process/pipe.ts";
import { tellStep } from "../../base/progress.ts";
import { copyCommands } from "../../guest/copy_commands.ts";
import { type CopyWork, guestProgram, hostTar, realParent, tellBytes } from "./copy_work.ts";

/** Copies a file, a symlink or a directory of the host into the guest. */
export async function copyIn(work: CopyWork, source: string, target: string): Promise<void> {
  const named = resolvePath(work.options.directory, source);
  const parent = await realParent(work, named, `${source} cannot be read`);
  const path = joinPath(parent, nameOf(named));
  const info = await describe(path, source);
  // "." and "a/" name what is in a directory as much as the directory.
  const name = /(^|\/)\.\.?\/?$/.test(source) ? "" : nameOf(path);
  const directoryOnly = work.isOneOfMany && !target.endsWith("/") ? `${target}/` : target;
  const step = `copy ${source} to vm:${target}`;
  const options = {
    onBytes: tellBytes(work, step, info.isFile ? info.size : undefined),
    signal: work.options.signal,
  };
  await tellStep(work.emit, step, async () => {
    if (info.isDirectory) {
      const tar = await hostTar(work, path, "create", ["."]);
      const receive = copyCommands.receiveTree(directoryOnly, name);
      return await pipe(tar, guestProgram(work, receive), options);
    }
    const tar = await hostTar(work, parent, "create", [`./${nameOf(path)}`]);
    const receive = copyCommands.receiveOne(directoryOnly, nameOf(path));
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
      signal: work.options.signal,
    });
  });
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
  throw new NixboxError(`${source} is neither a file nor a directory, and is not copied`);
}
