import { configDirectoryOf } from "../../config/find.ts";
import { NixboxError } from "../../base/error.ts";
import { directoryIdentity, exists, fileError } from "../../host/files/files.ts";
import { isWithin, parentOf, pathBelow, resolvePath } from "../../base/paths.ts";
import { realPathWithin, requireNoSymlinkEscape } from "../../host/files/symlink_escape.ts";
import { masksFor, writableSources } from "../../share/masks.ts";
import { privateDirectories } from "../protection/private_directories.ts";
import type { Host } from "../../host/host.ts";
import type { Emit } from "../../base/progress.ts";
import type { PipedProgram } from "../../host/process/pipe.ts";
import { sessionArgv } from "../../guest/ssh.ts";
import { seatbeltArgv } from "../../share/seatbelt.ts";
import { confinedArgv, confinedDirectory } from "../../share/sftp.ts";
import type { ShareRecord, VmRecord } from "../../state/record.ts";
import { confinedProgram, systemProgram } from "../protection/confined.ts";
import type { CopyOptions } from "./copy.ts";

export interface CopyWork {
  readonly host: Host;
  readonly record: VmRecord;
  readonly options: CopyOptions;
  readonly emit: Emit;
  /** The destination must be a directory then. */
  readonly isOneOfMany: boolean;
}

/**
 * The real path of the directory that a path of the host lies in. No link leads out of a share that
 * the guest can write to. What the path itself names may be a link, and is left alone.
 *
 * @param problem What it means if the directory cannot be reached.
 */
export async function realParent(work: CopyWork, path: string, problem: string): Promise<string> {
  const parent = parentOf(path);
  try {
    const root = await requireNoSymlinkEscape(parent, writableSources(work.record.shares));
    return await realPathWithin(parent, root);
  } catch (error) {
    if (error instanceof NixboxError) throw error;
    throw fileError(problem, error);
  }
}

/** The program that runs a command in the guest, for a pipe. */
export function guestProgram(work: CopyWork, command: string): PipedProgram {
  const argv = sessionArgv(work.record.runtimeDirectory, command, { tty: false });
  return { argv, name: "the guest" };
}

/** The share, if there is one, by which the guest can write to a directory of the host. */
export function writableShare(record: VmRecord, directory: string): ShareRecord | undefined {
  return record.shares.find(({ source, readonly, masks }) =>
    !readonly && isWithin(directory, source) && !masks.some((mask) => isWithin(directory, mask))
  );
}

/**
 * A tar on this host that sees nothing but one directory, where the kernel lets users do that; else
 * a plain one, which has only its own rules against paths that lead elsewhere. For what lies in a
 * share that the guest can write to, it sees the whole share, so that no link which the guest plants,
 * even while tar runs, leads out of it.
 *
 * @param directory Where it works: a real path.
 */
export async function hostTar(
  work: CopyWork,
  directory: string,
  mode: "create" | "extract",
  words: readonly string[],
): Promise<PipedProgram> {
  const { host, record } = work;
  const tar = await host.which("tar") ?? "tar";
  const root = writableShare(record, directory)?.source ?? directory;
  const masks = await masksIn(host, record, root);
  const verb = mode === "create"
    ? ["-c", "--format=posix"]
    // Without same-permissions, set-user-id bits are left out, and what the umask takes.
    : ["-x", "--no-same-owner", "--no-same-permissions"];
  const program: Omit<PipedProgram, "argv"> = {
    name: "tar",
    // 1: a file changed while it was read.
    ...(mode === "create" ? { accept: [1] } : {}),
    environment: { COPYFILE_DISABLE: "1" },
  };
  const confinement = await host.confinement();
  if (confinement === "seatbelt") {
    const own = await systemProgram("/usr/bin/tar", () => Promise.resolve(tar));
    const place = { program: await Deno.realPath(own), source: root, masks };
    const args = [...verb, "-f", "-", "-C", directory, ...words];
    return { ...program, argv: seatbeltArgv({ ...place, readonly: mode === "create" }, args) };
  }
  if (confinement === undefined) {
    if (masks.some((mask) => isWithin(mask, directory))) throw holdsPrivate(directory, masks);
    return { ...program, argv: [tar, ...verb, "-f", "-", "-C", directory, ...words] };
  }
  const at = resolvePath(confinedDirectory, pathBelow(directory, root));
  const view = {
    root: record.secretsDirectory,
    source: root,
    identity: await directoryIdentity(root),
    masks,
    readonly: mode === "create",
    socket: `${record.secretsDirectory}/tar`,
    umask: Deno.umask(),
    filter: [],
  };
  const args = [...verb, "-f", "-", "-C", at, ...words];
  const argv = confinedArgv(
    await confinedProgram(host, await Deno.realPath(tar)),
    args,
    view,
  );
  return { ...program, argv };
}

/** What no copy may take from, or put into, unless it is named itself: keys, and what the host runs. */
async function masksIn(host: Host, record: VmRecord, root: string): Promise<readonly string[]> {
  const configDirectory = configDirectoryOf(record.project);
  const masks = masksFor(root, await privateDirectories(host, { configDirectory })) ?? [];
  const isThere = await Promise.all(masks.map(exists));
  return masks.filter((_, index) => isThere[index]);
}

function holdsPrivate(directory: string, masks: readonly string[]): NixboxError {
  return new NixboxError(`${directory} holds ${masks[0]}, which cannot be left out on this host`, {
    hint: "copy what is in it one by one, or allow user namespaces (`nixbox doctor` says how)",
  });
}

/** Tells how many bytes have gone, for whoever shows it. */
export function tellBytes(work: CopyWork, step: string, totalBytes?: number) {
  return (bytes: number) => {
    work.emit({
      kind: "progress",
      step,
      bytes,
      ...(totalBytes === undefined ? {} : { totalBytes }),
    });
  };
}
