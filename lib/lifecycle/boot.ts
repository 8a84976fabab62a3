import { type DetachedProcess, spawnDetached, statusText } from "../host/detached.ts";
import { NixboxError } from "../host/error.ts";
import { exists, readTail } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import { lastLines } from "../host/process.ts";
import { sleep, waitFor } from "../host/wait.ts";
import { loginError, sshPaths } from "../guest/ssh.ts";
import type { TapRecord, VmRecord } from "../state/record.ts";
import type { SlotPlace } from "../state/slots.ts";
import { findReachability, notReachableError, type Reachability } from "./diagnose.ts";

/** A signal that aborts as soon as a process ends, with an error that shows its last words. */
export function deathOf(
  what: string,
  process: DetachedProcess,
  logFiles: readonly string[],
): AbortSignal {
  const controller = new AbortController();
  void process.ended.then(async (status) => {
    const logs = await Promise.all(logFiles.map(readTail));
    const log = logs.flatMap((text) => lastLines(text, 8));
    controller.abort(new NixboxError(`${what} ended (${statusText(status)})`, { log }));
  });
  return controller.signal;
}

/** Waits until virtiofsd listens. */
export async function waitForSocket(path: string, death: AbortSignal): Promise<void> {
  const found = await waitFor(async () => await exists(path) ? true : undefined, {
    timeoutMs: 10_000,
    signal: death,
    firstDelayMs: 2,
  });
  if (found === undefined) throw new NixboxError(`${path} did not appear within 10 s`);
}

/** Waits until the guest's port 22 takes a connection. */
export async function waitForPort(
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
    last = await knock(record.network.address, options.signal);
    return last === "open" ? true : undefined;
  }, { ...options, firstDelayMs: 25, longestDelayMs: 100 });
  if (reached) return;
  const found = await findReachability(host, place, record, last);
  throw await notReachableError(record, found, options.timeoutMs, options.consoleLog);
}

/** A guest that is still booting answers nothing, so each try is short. */
async function knock(hostname: string, signal: AbortSignal): Promise<Reachability["port"]> {
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

/**
 * Logs in: starts the master connection and waits until it stands. A sshd that hangs up is tried
 * again until the time is over; a refused key or a wrong host key is an error at once.
 */
export async function startMaster(
  host: Host,
  record: VmRecord,
  argv: readonly string[],
  options: { readonly timeoutMs: number; readonly signal: AbortSignal; readonly logFile: string },
): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  while (true) {
    const { logFile } = options;
    const master = await spawnDetached(host, argv, { logFile, cwd: "/", owner: record.id });
    const leftMs = deadline - performance.now();
    if (await stands(record, master, leftMs, options.signal)) {
      const { masterPid } = sshPaths(record.runtimeDirectory);
      return await Deno.writeTextFile(masterPid, `${master.identity.pid}\n`, { mode: 0o600 });
    }
    const error = loginError(await readTail(logFile));
    const mayPass = /refused|reset|closed|timed out|No route/i.test(error.log.join("\n"));
    if (!mayPass || performance.now() > deadline) throw error;
    await sleep(100, options.signal);
  }
}

/** ssh makes the control socket once it is logged in. */
async function stands(
  record: VmRecord,
  master: DetachedProcess,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  let hasEnded = false;
  void master.ended.then(() => hasEnded = true);
  const { controlSocket } = sshPaths(record.runtimeDirectory);
  const result = await waitFor(async () => {
    if (await exists(controlSocket)) return true;
    return hasEnded ? false : undefined;
  }, { timeoutMs, signal, firstDelayMs: 5, longestDelayMs: 25 });
  return result === true;
}
