import * as z from "../base/zod.ts";
import { NixboxError } from "../base/error.ts";
import { waitFor } from "../base/wait.ts";
import type { RunnerDisk, RunnerShare } from "../runner/view.ts";
import { connectSocket } from "./connect.ts";
import { Qmp, QmpError } from "./qmp.ts";
import type { GuestInfo, HotPlug, HypervisorDriver, RunningGuest } from "./driver.ts";

/** Drives QEMU by QMP (docs/interop/qemu-qmp-ref). */
export const qemuDriver: HypervisorDriver = {
  async connect(socketPath, options) {
    const connection = await connectSocket(socketPath, options);
    return new QemuGuest(await Qmp.open(connection, options));
  },
};

const statusSchema = z.object({ status: z.string() });
const cpusSchema = z.array(z.unknown());
const memorySchema = z.object({
  "base-memory": z.number(),
  "plugged-memory": z.optional(z.number()),
});
const versionSchema = z.object({
  qemu: z.object({ major: z.int(), minor: z.int(), micro: z.int() }),
});

const propertiesSchema = z.array(z.object({ name: z.string(), type: z.string() }));

class QemuGuest implements RunningGuest {
  readonly hotPlug: HotPlug;

  constructor(private readonly qmp: Qmp) {
    this.hotPlug = new QemuHotPlug(qmp);
  }

  async info(): Promise<GuestInfo> {
    const { status } = statusSchema.parse(await this.qmp.execute("query-status"));
    const cpus = cpusSchema.parse(await this.qmp.execute("query-cpus-fast"));
    const memory = memorySchema.parse(await this.qmp.execute("query-memory-size-summary"));
    const { qemu } = versionSchema.parse(await this.qmp.execute("query-version"));
    return {
      state: stateOf(status),
      version: `QEMU ${qemu.major}.${qemu.minor}.${qemu.micro}`,
      cpus: cpus.length,
      memoryMB: (memory["base-memory"] + (memory["plugged-memory"] ?? 0)) / 1048576,
    };
  }

  async powerButton(): Promise<void> {
    await this.qmp.execute("system_powerdown");
  }

  /** QEMU may be gone before its answer has come: that is what was asked for. */
  async kill(): Promise<void> {
    try {
      await this.qmp.execute("quit");
    } catch (error) {
      if (error instanceof QmpError || !this.qmp.hasEnded) throw error;
    }
  }

  close(): void {
    this.qmp.close();
  }
}

/** QEMU's run states (RunState in its QAPI schema), in fewer words. */
function stateOf(status: string): GuestInfo["state"] {
  switch (status) {
    case "running":
      return "running";
    case "prelaunch":
    case "inmigrate":
      return "starting";
    case "shutdown":
    case "guest-panicked":
    case "internal-error":
      return "stopped";
    default:
      return "paused";
  }
}

/**
 * Devices come and go on PCIe root ports, one each; q35's own bus takes none while the guest runs.
 * A device's parts are named after it: node `drive-ID`, character device `chardev-ID`, the names
 * that lib/runner/qemu.ts gives too.
 */
class QemuHotPlug implements HotPlug {
  constructor(private readonly qmp: Qmp) {}

  async addDisk(disk: RunnerDisk & { readonly id: string }): Promise<void> {
    const bus = await this.#freePort();
    const node = `drive-${disk.id}`;
    await this.qmp.execute("blockdev-add", {
      driver: "raw",
      "node-name": node,
      "read-only": disk.readonly,
      file: { driver: "file", filename: disk.path, "read-only": disk.readonly },
    });
    await this.#addDevice(
      {
        driver: "virtio-blk-pci",
        id: disk.id,
        bus,
        drive: node,
        ...(disk.serial === undefined ? {} : { serial: disk.serial }),
      },
      () => this.qmp.execute("blockdev-del", { "node-name": node }),
    );
  }

  async addShare(
    share: RunnerShare & { readonly id: string; readonly socket: string },
  ): Promise<void> {
    const bus = await this.#freePort();
    const chardev = `chardev-${share.id}`;
    const addr = { type: "unix", data: { path: share.socket } };
    await this.#connect(chardev, addr);
    await this.#addDevice(
      { driver: "vhost-user-fs-pci", id: share.id, bus, chardev, tag: share.tag },
      () => this.qmp.execute("chardev-remove", { id: chardev }),
    );
  }

  /** A server's socket is there a moment before it listens; connecting to try would use it up. */
  async #connect(id: string, addr: unknown): Promise<void> {
    const backend = { type: "socket", data: { addr, server: false } };
    let last: unknown;
    const isOpen = await waitFor(async () => {
      try {
        await this.qmp.execute("chardev-add", { id, backend });
        return true;
      } catch (error) {
        const isEarly = error instanceof QmpError && /refused/i.test(error.description);
        if (!isEarly) throw error;
        last = error;
        return undefined;
      }
    }, { timeoutMs: 1000, firstDelayMs: 5 });
    if (isOpen === undefined) throw last;
  }

  async removeDevice(id: string, options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const timeoutMs = options.timeoutMs ?? 10_000;
    const stop = new AbortController();
    const outcome = this.qmp.nextEvent(
      ({ event, data }) => unplugEvents.has(event) && data["device"] === id,
      { timeoutMs, signal: stop.signal },
    );
    // Its failure is told by the command's, which comes first.
    outcome.catch(() => {});
    try {
      await this.#askToUnplug(id);
      const seen = await outcome;
      if (seen?.event !== "DEVICE_DELETED") throw notReleased(id, timeoutMs, seen !== undefined);
    } finally {
      stop.abort();
    }
    await this.#removeBackend(id);
  }

  /** A guest that was asked before and has not answered yet is not asked twice. */
  async #askToUnplug(id: string): Promise<void> {
    try {
      await this.qmp.execute("device_del", { id });
    } catch (error) {
      const isAsked = error instanceof QmpError && /already in the process/.test(error.description);
      if (!isAsked) throw error;
    }
  }

  /** What stands behind a device. One of the command line's own drives goes with its device. */
  async #removeBackend(id: string): Promise<void> {
    const nodes = z.array(z.object({ "node-name": z.optional(z.string()) }));
    const chardevs = z.array(z.object({ label: z.string() }));
    const node = `drive-${id}`;
    const known = nodes.parse(await this.qmp.execute("query-named-block-nodes"));
    if (known.some((found) => found["node-name"] === node)) {
      await this.qmp.execute("blockdev-del", { "node-name": node });
    }
    const chardev = `chardev-${id}`;
    const open = chardevs.parse(await this.qmp.execute("query-chardev"));
    if (open.some(({ label }) => label === chardev)) {
      await this.qmp.execute("chardev-remove", { id: chardev });
    }
  }

  async #addDevice(
    device: Readonly<Record<string, unknown>>,
    undo: () => Promise<unknown>,
  ): Promise<void> {
    try {
      await this.qmp.execute("device_add", device);
    } catch (error) {
      await undo().catch(() => {});
      throw error;
    }
  }

  /** `query-pci` sees only what the guest's firmware has numbered, so the objects are asked. */
  async #freePort(): Promise<string> {
    const path = "/machine/peripheral";
    for (const { name, type } of await this.#properties(path)) {
      if (type !== "child<pcie-root-port>") continue;
      const bus = await this.#properties(`${path}/${name}/${name}`);
      if (!bus.some((property) => property.name.startsWith("child["))) return name;
    }
    throw new NixboxError("the machine has no place for another device", {
      hint: "unmount a share first",
    });
  }

  async #properties(path: string): Promise<z.infer<typeof propertiesSchema>> {
    return propertiesSchema.parse(await this.qmp.execute("qom-list", { path }));
  }
}

/** How an unplug ends: the guest let go, or says that it will not (QAPI: qdev.json). */
const unplugEvents = new Set(["DEVICE_DELETED", "DEVICE_UNPLUG_GUEST_ERROR"]);

function notReleased(id: string, timeoutMs: number, wasRefused: boolean): NixboxError {
  const seconds = Math.round(timeoutMs / 1000);
  return new NixboxError(
    wasRefused
      ? `the guest refuses to let go of the device ${id}`
      : `the guest did not let go of the device ${id} within ${seconds} s`,
    { hint: "is it in use in the guest, or the guest not up to it?" },
  );
}
