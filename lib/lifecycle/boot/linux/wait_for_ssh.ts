import type { Host } from "../../../host/host.ts";
import { sleep, waitFor } from "../../../base/wait.ts";
import type { TapRecord } from "../../../state/record.ts";
import type { SlotPlace } from "../../../state/slots.ts";
import { findReachability, notReachableError, type Reachability } from "./diagnose.ts";

/** Waits until the guest's port 22 takes a connection. */
export async function waitForSsh(
  host: Host,
  place: SlotPlace,
  record: TapRecord,
  options: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly consoleLog: string;
  },
): Promise<void> {
  let last: Reachability["port"] = "silent";
  const reached = await waitFor(async () => {
    last = await probe(record.network.address, options.signal);
    return last === "open" ? true : undefined;
  }, { ...options, firstDelayMs: 25, longestDelayMs: 100 });
  if (reached) return;
  const found = await findReachability(host, place, record, last);
  throw await notReachableError(record, found, options.timeoutMs, options.consoleLog);
}

/** A guest that is still booting answers nothing, so each try is short. */
async function probe(hostname: string, signal: AbortSignal): Promise<Reachability["port"]> {
  const connecting = Deno.connect({ hostname, port: 22 });
  const closeLate = () => void connecting.then((late) => late.close(), () => {});
  try {
    const connection = await Promise.race([connecting, sleep(250, signal)]);
    if (connection === undefined) {
      closeLate();
      return "silent";
    }
    connection.close();
    return "open";
  } catch (error) {
    if (signal.aborted) {
      closeLate();
      throw error;
    }
    return error instanceof Deno.errors.ConnectionRefused ? "refused" : "silent";
  }
}
