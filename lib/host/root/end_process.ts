import type { Host, ProcessIdentity } from "../host.ts";
import { runAsRoot } from "./as_root.ts";
import { NixboxError } from "../../base/error.ts";
import { processesSeenByRoot } from "./root_processes.ts";
import { waitFor } from "../../base/wait.ts";

/** What is known of a process: `unknown` where the OS hides it. */
export type Life = "alive" | "gone" | "unknown";

/** Whether this very process still runs: a later one with the same pid does not count. */
export async function lifeOf(
  { processes }: Pick<Host, "processes">,
  identity: ProcessIdentity,
): Promise<Life> {
  const now = await processes.identify(identity.pid);
  if (now === "unknown") return "unknown";
  return now?.startTime === identity.startTime ? "alive" : "gone";
}

/** Whether this very process may still run: one that the OS hides does. Unknown is not dead. */
export async function isAlive(
  host: Pick<Host, "processes">,
  identity: ProcessIdentity,
): Promise<boolean> {
  return await lifeOf(host, identity) !== "gone";
}

/** Waits for a process to be gone; `false` if it is still there after `timeoutMs`. */
export async function waitForEnd(
  host: Pick<Host, "processes">,
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
  const seen = options.asRoot === true
    ? { ...host, processes: await processesSeenByRoot(host) }
    : host;
  const target = options.group ? -identity.pid : identity.pid;
  for (const [signal, patienceMs] of [["SIGTERM", options.graceMs], ["SIGKILL", 5000]] as const) {
    const life = await lifeOf(seen, identity);
    if (life === "gone") return;
    if (life === "unknown") throw hidden(identity.pid);
    if (patienceMs === 0) continue;
    await sendSignal(host, target, signal, options.asRoot ?? false);
    if (await waitForEnd(seen, identity, patienceMs)) return;
  }
}

function hidden(pid: number): NixboxError {
  return new NixboxError(
    `process ${pid} is not ended: it is not shown whether it is the one meant`,
    {
      where: `/proc/${pid}`,
      hint: "/proc is mounted with hidepid: look as root (`sudo ps -p PID`), and end it there",
    },
  );
}

async function sendSignal(
  host: Host,
  pid: number,
  signal: "SIGTERM" | "SIGKILL",
  asRoot: boolean,
): Promise<void> {
  if (asRoot && host.user.uid !== 0) {
    const argv = ["kill", "-s", signal.slice(3), "--", `${pid}`];
    await runAsRoot(host, argv, undefined, { accept: "any" });
    return;
  }
  try {
    Deno.kill(pid, signal);
  } catch (error) {
    // Gone between the look and the signal.
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
