import { ownerVariable } from "../../host/process/detached.ts";
import { endProcess, waitForEnd } from "../../host/root/end_process.ts";
import { NixboxError } from "../../base/error.ts";
import { removeEntry, removeIfExists } from "../../host/files/files.ts";
import type { Host, ProcessIdentity } from "../../host/host.ts";
import { lastLines } from "../../host/process/run.ts";
import { unmountCommand } from "../../guest/share_commands.ts";
import { runInGuest } from "../../guest/session.ts";
import type { ShareRecord, TargetedShare, VmRecord } from "../../state/record.ts";
import { writeRecord } from "../../state/store.ts";
import { releaseProtection } from "../protection/placeholders.ts";
import { besideShare } from "../../share/covers.ts";
import { notePlaces } from "../machine/room.ts";
import { prepareShare, rootOf } from "./share_server.ts";
import type { Step } from "../machine/steps.ts";

/** The machine's record while one share comes, and the steps that all transports have. */
export abstract class Mounting {
  #record: VmRecord;

  constructor(
    protected readonly host: Host,
    record: VmRecord,
    protected readonly share: TargetedShare,
    protected readonly signal: AbortSignal,
    private readonly warn: (message: string) => void = () => {},
  ) {
    this.#record = record;
  }

  abstract steps(): Promise<readonly Step[]>;

  /** The share is there. */
  async finish(): Promise<void> {
    await this.save(withState(this.#record, this.share.id, "ready"));
  }

  /** As it is now. */
  get record(): VmRecord {
    return this.#record;
  }

  /** Written down before anything is made, so that `down` finds what a crash leaves. */
  protected get recordStep(): Step {
    return {
      name: "write the record",
      run: async () => {
        await this.save({
          shares: [...this.#record.shares, this.share],
          nextShare: this.#record.nextShare + 1,
        });
        await notePlaces(this.host, this.#record);
      },
      undo: async () => {
        await endServer(this.host, this.#record, this.share);
        await this.save(without(this.#record, this.share.id));
        await notePlaces(this.host, this.#record);
      },
    };
  }

  /** Puts in place what the share's server needs. */
  protected async prepare(): Promise<void> {
    for (const message of await prepareShare(this.host, this.#record.id, this.share)) {
      this.warn(message);
    }
  }

  protected async save(change: Partial<VmRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeRecord(this.host, this.#record);
  }

  protected async addServer(process: ProcessIdentity): Promise<void> {
    await this.save({ servers: [...this.#record.servers, { id: this.share.id, process }] });
  }

  /** @throws {NixboxError} with the guest's own words. */
  protected async inGuest(command: string, signal = this.signal): Promise<void> {
    const options = { timeoutMs: 30_000, signal };
    const { code, stderr } = await runInGuest(this.#record.runtimeDirectory, command, options);
    if (code === 0) return;
    throw guestMountError(this.share, stderr);
  }

  /** For an undo: whatever there is of it, and even after an interrupt. */
  protected async unmountInGuest(): Promise<void> {
    const never = new AbortController().signal;
    const { tag, target } = this.share;
    await this.inGuest(unmountCommand(tag, target, { force: true }), never).catch(() => {});
  }
}

export function guestMountError(share: ShareRecord, stderr: string): NixboxError {
  const isOld = /provision\.sh: No such file/.test(stderr);
  const [first = "it gave no reason", ...others] = lastLines(stderr, 8);
  return new NixboxError(`the guest could not mount ${share.source}: ${first}`, {
    hint: isOld
      ? "the machine was built by an older nixbox: `nixbox build -f`, then `nixbox up`"
      : "take another target, or see `nixbox logs console`",
    log: others,
  });
}

/** The record as it is with a share's state changed. */
export function withState(
  record: VmRecord,
  id: string,
  state: ShareRecord["state"],
): Pick<VmRecord, "shares"> {
  return { shares: record.shares.map((share) => share.id === id ? { ...share, state } : share) };
}

/** The record as it is without a share. */
export function without(record: VmRecord, id: string): Pick<VmRecord, "shares" | "servers"> {
  return {
    shares: record.shares.filter((share) => share.id !== id),
    servers: record.servers.filter((server) => server.id !== id),
  };
}

/** What waits for a server in its namespaces ends by itself, once that has: a moment later. */
async function waitForWaiting(host: Host, id: string, share: ShareRecord): Promise<void> {
  for (const pid of await host.processes.withEnvironment(ownerVariable, id)) {
    const words = await host.processes.commandLine(pid) ?? [];
    if (!words.includes(`--socket-path=${share.socket}`)) continue;
    const identity = await host.processes.identify(pid);
    if (typeof identity === "object") await waitForEnd(host, identity, 2000);
  }
}

/** Ends what serves a share, and removes what it listened on. */
export async function endServer(host: Host, record: VmRecord, share: ShareRecord): Promise<void> {
  const server = record.servers.find(({ id }) => id === share.id);
  if (server !== undefined) {
    await endProcess(host, server.process, { graceMs: 1000, group: share.via === "sshfs" });
    await waitForWaiting(host, record.id, share);
  }
  // The hypervisor can write where these lie.
  for (const path of ["", ".pid", ".fifo"].map((end) => share.socket + end)) {
    await removeEntry(path);
  }
  await removeIfExists(rootOf(share));
  await removeIfExists(`${rootOf(share)}.only`);
  for (const part of ["copies", "apart", "server"]) {
    await removeIfExists(`${besideShare(share)}.${part}`);
  }
  await releaseProtection(
    host,
    share,
    (machine, id) => machine === record.id && id === share.id,
  );
}
