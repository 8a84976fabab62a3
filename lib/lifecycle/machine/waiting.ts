import { type DetachedProcess, spawnDetached, statusText } from "../../host/process/detached.ts";
import { NixboxError } from "../../base/error.ts";
import { exists, readTail } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import { lastLines } from "../../host/process/run.ts";
import { sleep, waitFor } from "../../base/wait.ts";
import { loginError, sshPaths } from "../../guest/ssh.ts";
import type { VmRecord } from "../../state/record.ts";

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

/** Waits until a server (virtiofsd, the proxy) has made its socket: 10 s at most. */
export async function waitForSocket(path: string, death: AbortSignal): Promise<void> {
  const found = await waitFor(async () => await exists(path) ? true : undefined, {
    timeoutMs: 10_000,
    signal: death,
    firstDelayMs: 2,
  });
  if (found === undefined) throw new NixboxError(`${path} did not appear within 10 s`);
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
