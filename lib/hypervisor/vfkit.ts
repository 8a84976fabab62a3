import * as z from "../base/zod.ts";
import { NixboxError } from "../base/error.ts";
import { parseJson } from "../base/json.ts";
import { waitFor } from "../base/wait.ts";
import { connectSocket } from "./connect.ts";
import { ConnectionLost, request } from "./http.ts";
import type { GuestInfo, HypervisorDriver, RunningGuest } from "./driver.ts";

/** Drives vfkit by its REST service (vfkit, doc/usage.md and pkg/rest). */
export const vfkitDriver: HypervisorDriver = {
  async connect(socketPath, options) {
    const deadline = performance.now() + options.timeoutMs;
    (await connectSocket(socketPath, options)).close();
    const guest = new VfkitGuest(socketPath);
    // It answers before it starts the machine, which is "stopped" until then; if that does not come
    // to run within five seconds, vfkit ends, which is the caller's signal.
    const leftMs = () => Math.max(deadline - performance.now(), 100);
    const isRunning = await waitFor(async () => {
      const state = await guest.state({ ...options, timeoutMs: Math.min(5000, leftMs()) });
      if (state === "failed") throw notStarted("vfkit could not run its machine");
      return state === "starting" || state === "stopped" ? undefined : true;
    }, { ...options, timeoutMs: leftMs() });
    if (isRunning) return guest;
    throw notStarted("vfkit did not start its machine");
  },
};

function notStarted(message: string): NixboxError {
  return new NixboxError(message, { hint: "see `nixbox logs hypervisor`" });
}

/** What vfkit tells: a machine that came to an error is stopped, too. */
type VfkitState = GuestInfo["state"] | "failed";

/** Of Apple's VZVirtualMachineState, as vfkit spells them. */
const states = {
  VirtualMachineStateStarting: "starting",
  VirtualMachineStateRunning: "running",
  VirtualMachineStatePausing: "running",
  VirtualMachineStatePaused: "paused",
  VirtualMachineStateResuming: "paused",
  VirtualMachineStateSaving: "paused",
  VirtualMachineStateRestoring: "starting",
  VirtualMachineStateStopping: "stopping",
  VirtualMachineStateStopped: "stopped",
  VirtualMachineStateError: "failed",
} as const satisfies Readonly<Record<string, VfkitState>>;

const stateSchema = z.object({
  state: z.string(),
  canStop: z.optional(z.boolean()),
  canHardStop: z.optional(z.boolean()),
});
const inspectSchema = z.object({ vcpus: z.number(), memoryBytes: z.number() });

interface CallOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

class VfkitGuest implements RunningGuest {
  // Nothing is plugged into a machine of vfkit's while it runs: no hotPlug.

  constructor(private readonly socketPath: string) {}

  async state(options: CallOptions = { timeoutMs: 5000 }): Promise<VfkitState> {
    const { state } = await this.#get("/vm/state", stateSchema, options);
    const known = Object.entries(states).find(([name]) => name === state)?.[1];
    if (known !== undefined) return known;
    throw new NixboxError(`vfkit's machine is in a state that nixbox does not know: ${state}`);
  }

  async info(): Promise<GuestInfo> {
    const state = await this.state();
    const { vcpus, memoryBytes } = await this.#get("/vm/inspect", inspectSchema);
    // The service does not tell its version.
    const known = state === "failed" ? "stopped" : state;
    return { state: known, version: "vfkit", cpus: vcpus, memoryMB: memoryBytes / 1048576 };
  }

  async powerButton(): Promise<void> {
    await this.#set("Stop");
  }

  /** The answer may be lost with the process (vfkit issue 277): that is what was asked for. */
  async kill(): Promise<void> {
    try {
      await this.#set("HardStop");
    } catch (error) {
      if (!(error instanceof ConnectionLost)) throw error;
    }
  }

  close(): void {
    // Every request has its own connection.
  }

  async #get<T extends z.ZodMiniType>(
    path: string,
    schema: T,
    options: CallOptions = { timeoutMs: 5000 },
  ): Promise<z.infer<T>> {
    const { status, body } = await request(this.socketPath, { method: "GET", path, ...options });
    if (status !== 200) throw refusal(`GET ${path}`, status, body);
    const parsed = schema.safeParse(parseJson(body));
    if (parsed.success) return parsed.data;
    throw new NixboxError(`vfkit's answer to GET ${path} is not as documented`, {
      log: [body.slice(0, 200)],
      cause: parsed.error,
    });
  }

  /** The code answers with 202, where the documentation says 200. */
  async #set(state: "Stop" | "HardStop"): Promise<void> {
    const call = { method: "POST", path: "/vm/state", body: { state }, timeoutMs: 5000 } as const;
    const { status, body } = await request(this.socketPath, call);
    if (status !== 200 && status !== 202) throw refusal(`POST /vm/state ${state}`, status, body);
  }
}

const errorSchema = z.object({ error: z.string() });

function refusal(call: string, status: number, body: string): NixboxError {
  const parsed = errorSchema.safeParse(parseJson(body));
  const reason = parsed.success ? parsed.data.error : body.slice(0, 200);
  return new NixboxError(`vfkit refused ${call} (${status}): ${reason || "it gave no reason"}`);
}
