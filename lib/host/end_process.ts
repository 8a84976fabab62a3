import type { Host, ProcessIdentity } from "./host.ts";
import { run } from "./process.ts";
import { waitFor } from "./wait.ts";

/** Whether this very process still runs: a later one with the same pid does not count. */
export async function isAlive(host: Host, identity: ProcessIdentity): Promise<boolean> {
  const now = await host.processes.identify(identity.pid);
  return now?.startTime === identity.startTime;
}

/** Waits for a process to be gone; `false` if it is still there after `timeoutMs`. */
export async function waitForEnd(
  host: Host,
  identity: ProcessIdentity,
  timeoutMs: number,
): Promise<boolean> {
  const gone = await waitFor(
    async () => await isAlive(host, identity) ? undefined : true,
    { timeoutMs, firstDelayMs: 5, longestDelayMs: 50 },
  );
  return gone === true;
}

/**
 * Ends a process: SIGTERM, then SIGKILL after `graceMs`. Nothing happens if it is gone already.
 * `asRoot` is for processes that were started with root's rights; `group` ends those of its group
 * too, which it must lead.
 */
export async function endProcess(
  host: Host,
  identity: ProcessIdentity,
  options: { readonly graceMs: number; readonly asRoot?: boolean; readonly group?: boolean },
): Promise<void> {
  const target = options.group ? -identity.pid : identity.pid;
  for (const [signal, patienceMs] of [["SIGTERM", options.graceMs], ["SIGKILL", 5000]] as const) {
    if (!await isAlive(host, identity)) return;
    if (patienceMs === 0) continue;
    await sendSignal(host, target, signal, options.asRoot ?? false);
    if (await waitForEnd(host, identity, patienceMs)) return;
  }
}

async function sendSignal(
  host: Host,
  pid: number,
  signal: "SIGTERM" | "SIGKILL",
  asRoot: boolean,
): Promise<void> {
  if (asRoot && host.user.uid !== 0) {
    const argv = host.privilege.asRoot(["kill", "-s", signal.slice(3), "--", `${pid}`]);
    await run(argv, { accept: "any" });
    return;
  }
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    // Gone between the look and the signal.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
