import type { RunnerDisk, RunnerShare } from "../runner/view.ts";

/** What a VMM says of its guest. */
export interface GuestInfo {
  readonly state: "starting" | "running" | "paused" | "stopping" | "stopped";
  /** The VMM's own name and version. */
  readonly version: string;
  readonly cpus: number;
  readonly memoryMB: number;
}

/** Devices that come and go while the guest runs. */
export interface HotPlug {
  /** Adds a disk under `disk.id`. MUST leave nothing behind when it throws. */
  addDisk(disk: RunnerDisk & { readonly id: string }): Promise<void>;
  /** Adds a virtiofs share whose virtiofsd already listens. MUST leave nothing behind when it throws. */
  addShare(share: RunnerShare & { readonly id: string; readonly socket: string }): Promise<void>;
  /**
   * Removes a device that `addDisk`, `addShare` or the runner named `id`. MUST return only when the
   * guest has let go of it, so that the caller may end virtiofsd or delete the disk.
   * @throws {NixboxError} when the guest has not let go within the time limit.
   */
  removeDevice(id: string, options?: { readonly timeoutMs?: number }): Promise<void>;
}

/** A hypervisor that runs one guest, reached by its control socket. */
export interface RunningGuest {
  info(): Promise<GuestInfo>;
  /** Presses the power button: the guest may take its time, or ignore it. */
  powerButton(): Promise<void>;
  /** Ends the VMM at once, by its socket. The caller still checks that the process is gone. */
  kill(): Promise<void>;
  /** Absent where the hypervisor cannot (vfkit). */
  readonly hotPlug?: HotPlug;
  /** Closes the control connection; MUST be callable twice. */
  close(): void;
}

/** How to reach one kind of hypervisor. */
export interface HypervisorDriver {
  /**
   * Waits until the VMM answers on `socketPath`, bounded by `timeoutMs` and by `signal`, which the
   * caller aborts when the VMM's process has died.
   */
  connect(
    socketPath: string,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<RunningGuest>;
}
