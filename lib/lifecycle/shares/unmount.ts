import { messageOf, NixboxError } from "../../base/error.ts";
import { normalTarget } from "../../base/guest_path.ts";
import type { Host } from "../../host/host.ts";
import { expandHome } from "../../base/paths.ts";
import { type Emit, tellStep } from "../../base/progress.ts";
import { lastLines } from "../../host/process/run.ts";
import { waitForEnd } from "../../host/root/end_process.ts";
import { runInGuest } from "../../guest/session.ts";
import { busyCode, unmountCommand } from "../../guest/share_commands.ts";
import { hasTarget, type TargetedShare, type VmRecord } from "../../state/record.ts";
import { lockProject, writeRecord } from "../../state/store.ts";
import { connectGuest } from "../machine/connect_guest.ts";
import { requireGoing } from "../machine/machine.ts";
import { type MountedShare, mountedShare } from "./mounted_share.ts";
import { endServer, without, withState } from "./mounting.ts";
import { notePlaces } from "../machine/room.ts";

/** How a share is taken away. */
export interface UnmountOptions {
  /** Even if programs of the guest use it: their next access fails. */
  readonly force?: boolean;
}

/**
 * Takes a share away from a running machine: unmounts it in the guest, waits until the device is
 * gone, then ends its server.
 *
 * @param target Where the guest has it: absolute, or `~/...`.
 * @throws {NixboxError} if there is none, or it is in use; nothing is changed then.
 */
export async function unmountShare(
  host: Host,
  id: string,
  target: string,
  options: UnmountOptions,
  emit: Emit,
): Promise<MountedShare> {
  await requireGoing(host, id);
  const lock = await lockProject(host, id, { timeoutMs: 60_000, emit });
  try {
    const record = await requireGoing(host, id);
    const share = findShare(record, target);
    const force = options.force ?? false;
    try {
      await tellStep(emit, "unmount it in the guest", () => unmountInGuest(record, share, force));
    } catch (error) {
      // What is taken away by force needs nobody's leave.
      if (!force) throw error;
      emit({ kind: "warning", message: messageOf(error) });
    }
    const changing = { ...record, ...withState(record, share.id, "changing") };
    await writeRecord(host, changing);
    await tellStep(emit, "take it from the machine", () => detach(host, changing, share, force));
    await endServer(host, changing, share);
    const gone = { ...changing, ...without(changing, share.id) };
    await writeRecord(host, gone);
    await notePlaces(host, gone);
    return mountedShare(share);
  } finally {
    lock.release();
  }
}

function findShare(record: VmRecord, target: string): TargetedShare {
  const wanted = expandHome(normalTarget(target), record.guest.home);
  const shares = record.shares.filter(hasTarget);
  const found = shares.find((share) => share.target === wanted);
  if (found !== undefined) return found;
  throw new NixboxError(`the guest has no share at ${wanted}`, {
    hint: shares.length === 0
      ? "it has no share at all"
      : `it has shares at ${shares.map((share) => share.target).join(", ")}`,
  });
}

async function unmountInGuest(record: VmRecord, share: TargetedShare, force: boolean) {
  const { code, stdout, stderr } = await runInGuest(
    record.runtimeDirectory,
    unmountCommand(share.tag, share.target, { force }),
    { timeoutMs: force ? 10_000 : 30_000 },
  );
  if (code === 0) return;
  if (code !== busyCode) {
    throw new NixboxError(`the guest could not unmount ${share.target}`, {
      log: lastLines(stderr, 8),
    });
  }
  throw new NixboxError(`${share.target} is in use in the guest`, {
    hint: "end these programs, or take it away under them: `nixbox unmount --force`",
    log: lastLines(stdout, 20).map(describeUser),
  });
}

/** "PID NAME", or "mount PATH" for what is mounted below. */
function describeUser(line: string): string {
  const [first = "", ...rest] = line.split(" ");
  return first === "mount"
    ? `something else is mounted at ${rest.join(" ")}`
    : `${rest.join(" ")} (pid ${first})`;
}

async function detach(host: Host, record: VmRecord, share: TargetedShare, force: boolean) {
  if (share.via === "sshfs") {
    // Its programs end by themselves once the guest has unmounted.
    const server = record.servers.find(({ id }) => id === share.id);
    if (server !== undefined) await waitForEnd(host, server.process, 2000);
    return;
  }
  const guest = await connectGuest(record, { timeoutMs: 10_000 });
  try {
    await guest.hotPlug?.removeDevice(share.id);
  } catch (error) {
    // With its server ended the device leads nowhere, and goes with the machine.
    if (!force && !isGone(error)) throw error;
  } finally {
    guest.close();
  }
}

/** What a mount that was killed half-way may have left: a share without its device. */
function isGone(error: unknown): boolean {
  return error instanceof Error && /not found|no such device|unknown|missing/i.test(error.message);
}
