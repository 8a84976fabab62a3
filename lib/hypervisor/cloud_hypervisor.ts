import * as z from "../base/zod.ts";
import { NixboxError } from "../base/error.ts";
import { parseJson } from "../base/json.ts";
import { waitFor } from "../base/wait.ts";
import type { RunnerDisk, RunnerShare } from "../runner/view.ts";
import { connectSocket } from "./connect.ts";
import { ConnectionLost, request } from "./http.ts";
import type { GuestInfo, HotPlug, HypervisorDriver, RunningGuest } from "./driver.ts";

/** Drives cloud-hypervisor by its REST API (its openapi/cloud-hypervisor.yaml), root /api/v1. */
export const cloudHypervisorDriver: HypervisorDriver = {
  async connect(socketPath, options) {
    const deadline = performance.now() + options.timeoutMs;
    (await connectSocket(socketPath, options)).close();
    const api = new Api(socketPath);
    // At least a moment, for a socket that was there at the last.
    const timeoutMs = Math.max(deadline - performance.now(), 100);
    await api.get("vmm.ping", pingSchema, { ...options, timeoutMs });
    return new CloudHypervisorGuest(api);
  },
};

const pingSchema = z.object({ version: z.string() });

const infoSchema = z.object({
  state: z.enum(["Created", "Running", "Shutdown", "Paused", "BreakPoint"]),
  config: z.object({
    cpus: z.object({ boot_vcpus: z.int() }),
    memory: z.object({ size: z.number() }),
    disks: z.nullish(
      z.array(z.object({ id: z.nullish(z.string()), readonly: z.nullish(z.boolean()) })),
    ),
    fs: z.nullish(z.array(z.object({ id: z.nullish(z.string()), tag: z.nullish(z.string()) }))),
  }),
  device_tree: z.nullish(z.record(z.string(), z.unknown())),
});

interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

const usual: CallOptions = { timeoutMs: 15_000 };

/** cloud-hypervisor tries virtiofsd's socket for a minute before it gives up (vu_common_ctrl.rs). */
const patient: CallOptions = { timeoutMs: 70_000 };

/** The API of one cloud-hypervisor, with every status and body checked. */
class Api {
  constructor(private readonly socketPath: string) {}

  async get<T extends z.ZodMiniType>(
    call: string,
    schema: T,
    options = usual,
  ): Promise<z.infer<T>> {
    const body = await this.#send("GET", call, undefined, [200], options);
    const parsed = schema.safeParse(parseJson(body));
    if (parsed.success) return parsed.data;
    throw new NixboxError(`cloud-hypervisor's answer to ${call} is not as documented`, {
      log: [body.slice(0, 200)],
      cause: parsed.error,
    });
  }

  async put(call: string, body?: unknown, options = usual): Promise<void> {
    await this.#send("PUT", call, body, [200, 204], options);
  }

  async #send(
    method: "GET" | "PUT",
    call: string,
    body: unknown,
    expected: readonly number[],
    options: CallOptions,
  ): Promise<string> {
    const path = `/api/v1/${call}`;
    const response = await request(this.socketPath, { method, path, body, ...options });
    if (expected.includes(response.status)) return response.body;
    const reasons = errorLines(response.body);
    throw new NixboxError(
      `cloud-hypervisor refused ${call} (${response.status}): ${reasons[0] ?? "it gave no reason"}`,
      { log: reasons.slice(1) },
    );
  }
}

/** Errors come as a JSON array of strings, outermost first; as plain text before v48. */
function errorLines(body: string): string[] {
  const parsed = z.array(z.string()).safeParse(parseJson(body));
  return parsed.success ? parsed.data : body.split("\n").filter((line) => line !== "");
}

class CloudHypervisorGuest implements RunningGuest {
  readonly hotPlug: HotPlug;

  constructor(private readonly api: Api) {
    this.hotPlug = new CloudHypervisorHotPlug(api);
  }

  async info(): Promise<GuestInfo> {
    const { version } = await this.api.get("vmm.ping", pingSchema);
    const { state, config } = await this.api.get("vm.info", infoSchema);
    const states = {
      Created: "starting",
      Running: "running",
      Paused: "paused",
      BreakPoint: "paused",
      Shutdown: "stopped",
    } as const;
    return {
      state: states[state],
      version: `cloud-hypervisor ${version}`,
      cpus: config.cpus.boot_vcpus,
      memoryMB: config.memory.size / 1048576,
    };
  }

  async powerButton(): Promise<void> {
    await this.api.put("vm.power-button");
  }

  /** cloud-hypervisor may be gone before its answer has come: that is what was asked for. */
  async kill(): Promise<void> {
    try {
      await this.api.put("vmm.shutdown");
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
  }

  close(): void {
    // Every request has its own connection.
  }
}

class CloudHypervisorHotPlug implements HotPlug {
  constructor(private readonly api: Api) {}

  async addDisk(disk: RunnerDisk & { readonly id: string }): Promise<void> {
    const { id, path, readonly, serial } = disk;
    await this.api.put("vm.add-disk", {
      id,
      path,
      readonly,
      image_type: "Raw",
      ...(serial === undefined ? {} : { serial }),
    });
    await this.#requireAdded(
      id,
      "disk",
      ({ config }) =>
        (config.disks ?? []).some((found) =>
          found.id === id && (found.readonly ?? false) === readonly
        ),
    );
  }

  async addShare(
    share: RunnerShare & { readonly id: string; readonly socket: string },
  ): Promise<void> {
    const { id, tag, socket } = share;
    const body = { id, tag, socket, num_queues: 1, queue_size: 1024 };
    await this.api.put("vm.add-fs", body, patient);
    await this.#requireAdded(
      id,
      "share",
      ({ config }) => (config.fs ?? []).some((found) => found.id === id && found.tag === tag),
    );
  }

  /** Unknown fields are ignored by the server, so what was added is looked up afterwards. */
  async #requireAdded(
    id: string,
    what: "disk" | "share",
    isThere: (info: z.infer<typeof infoSchema>) => boolean,
  ): Promise<void> {
    const info = await this.api.get("vm.info", infoSchema);
    if (isThere(info)) return;
    if (Object.hasOwn(info.device_tree ?? {}, id)) await this.removeDevice(id);
    throw new NixboxError(`cloud-hypervisor did not add the ${what} ${id} as it was asked to`);
  }

  /** The answer only says that the guest was asked; the device is gone when the tree lacks it. */
  async removeDevice(id: string, options: { readonly timeoutMs?: number } = {}): Promise<void> {
    const timeoutMs = options.timeoutMs ?? 10_000;
    await this.api.put("vm.remove-device", { id });
    const gone = await waitFor(async () => {
      const { device_tree } = await this.api.get("vm.info", infoSchema);
      return device_tree && !Object.hasOwn(device_tree, id) ? true : undefined;
    }, { timeoutMs, firstDelayMs: 20, longestDelayMs: 200 });
    if (gone) return;
    throw new NixboxError(
      `the guest did not let go of the device ${id} within ${Math.round(timeoutMs / 1000)} s`,
      { hint: "is it in use in the guest?" },
    );
  }
}
