import type { Project } from "../../config/config.ts";
import { NixboxError } from "../../base/error.ts";
import { fileError } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { expandHome, joinPath, parentOf } from "../../base/paths.ts";
import type { Emit } from "../../base/progress.ts";
import { realPathWithin, requireNoSymlinkEscape } from "../../host/files/symlink_escape.ts";
import { writableSources } from "../../share/masks.ts";
import type { MountSpec } from "../../share/mount_spec.ts";
import type { ShareRecord, TargetedShare, VmRecord } from "../../state/record.ts";
import { lockProject } from "../../state/store.ts";
import { requireGoing } from "../machine/machine.ts";
import { warnOfHome } from "./home_share.ts";
import { findProtection } from "../protection/protect.ts";
import { privateDirectories, projectsFirst } from "../protection/private_directories.ts";
import { requireRoom } from "../machine/room.ts";
import { requireMasks } from "./share_server.ts";
import { type MountedShare, mountedShare } from "./mounted_share.ts";
import { SshfsMounting } from "./mount_sshfs.ts";
import { VirtiofsMounting } from "./mount_virtiofs.ts";
import { act } from "../machine/steps.ts";

/** How a share is added to a running machine. */
export interface MountOptions {
  /** What a relative source counts from. */
  readonly directory: string;
  /** As a device of the machine (the default on Linux), or over its SSH connection (on macOS). */
  readonly via?: "virtiofs" | "sshfs";
  /** Aborts, and undoes what was done. */
  readonly signal?: AbortSignal;
}

/**
 * Adds a share to a running machine. When it returns the guest has it; a failure on the way leaves
 * nothing.
 *
 * @throws {NixboxError} if the source is not a directory or must not be shared, or the target is taken.
 */
export async function mountShare(
  host: Host,
  project: Project,
  spec: MountSpec,
  options: MountOptions,
  emit: Emit,
): Promise<MountedShare> {
  const signal = options.signal ?? new AbortController().signal;
  const { shares } = await requireGoing(host, project.id);
  const path = absoluteSource(host, spec.source, options.directory);
  const root = await requireNoSymlinkEscape(path, writableSources(shares));
  const { source, identity } = await realDirectory(path, spec.source, root);
  const hidden = await privateDirectories(host, project);
  const masks = requireMasks(source, hidden);
  const via = options.via ?? (host.guestLink === "tap" ? "virtiofs" : "sshfs");
  if (via === "virtiofs" && host.guestLink !== "tap") {
    throw new NixboxError("vfkit adds no device to a machine that runs", {
      where: "--via",
      hint: "leave --via out: the share goes over SSH then",
      exitCode: 2,
    });
  }
  if (via === "sshfs" && spec.overlay) {
    throw new NixboxError("an overlay needs virtiofs, and a host that adds devices", {
      where: spec.source,
      exitCode: 2,
    });
  }
  const lock = await lockProject(host, project.id, { timeoutMs: 60_000, emit, signal });
  try {
    const record = await requireGoing(host, project.id);
    const { protection, warnings } = spec.readonly || spec.overlay
      ? { protection: undefined, warnings: [] }
      : await findProtection(source, undefined, await projectsFirst(host, project));
    if (!spec.readonly && !spec.overlay) await requireRoom(host, [source]);
    const share = newShare(record, { ...spec, source, identity, masks, via, protection });
    const warn = (message: string) => emit({ kind: "warning", message });
    warnings.forEach(warn);
    warnOfHome(host, share, emit);
    const mounting = via === "sshfs"
      ? new SshfsMounting(host, record, share, signal, warn)
      : new VirtiofsMounting(host, record, share, signal, warn);
    await act(await mounting.steps(), emit, signal, () => mounting.finish());
    return mountedShare(share);
  } finally {
    lock.release();
  }
}

/** With its "..", which the kernel takes after the links before it. */
function absoluteSource(host: Host, source: string, directory: string): string {
  const path = expandHome(source, host.user.home);
  return path.startsWith("/") ? path : joinPath(directory, path);
}

/** @throws {NixboxError} if there is no such directory. */
async function realDirectory(
  path: string,
  source: string,
  root: string | undefined,
): Promise<{ source: string; identity: string }> {
  let real: string;
  let info: Deno.FileInfo;
  try {
    real = await realPathWithin(path, root);
    info = await Deno.lstat(real);
  } catch (error) {
    if (error instanceof NixboxError) throw error;
    if (error instanceof Deno.errors.NotFound) {
      throw new NixboxError(`there is no directory ${source} to share`, {
        hint: "make it, or fix the path",
      });
    }
    throw fileError(`${source} cannot be shared`, error);
  }
  if (info.isDirectory) return { source: real, identity: `${info.dev}:${info.ino}` };
  throw new NixboxError(`${source} is not a directory, and only directories can be shared`, {
    hint: `copy a file: \`nixbox cp ${source} vm:\``,
  });
}

type Wanted = MountSpec & Pick<ShareRecord, "identity" | "masks" | "via" | "protection">;

/** @throws {NixboxError} if the guest has a share at the target already. */
function newShare(record: VmRecord, wanted: Wanted): TargetedShare {
  const target = expandHome(wanted.target, record.guest.home);
  const taken = record.shares.find((share) => share.target === target);
  if (taken !== undefined) {
    throw new NixboxError(`the guest has ${taken.source} at ${target} already`, {
      hint: `take it away first: \`nixbox unmount ${wanted.target}\``,
    });
  }
  const id = `share${record.nextShare}`;
  return {
    id,
    tag: `nixbox-${id}`,
    source: wanted.source,
    identity: wanted.identity,
    target,
    readonly: wanted.readonly || wanted.overlay,
    overlay: wanted.overlay,
    via: wanted.via,
    masks: wanted.masks,
    ...(wanted.protection === undefined ? {} : { protection: wanted.protection }),
    state: "changing",
    socket: wanted.via === "sshfs"
      ? `${record.runtimeDirectory}/${id}.root`
      : `${parentOf(record.apiSocket)}/${id}.sock`,
  };
}
