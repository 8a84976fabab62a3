import { readTextIfExists } from "../../host/files/files.ts";
import { parseJson } from "../../base/json.ts";
import { sleep } from "../../base/wait.ts";
import type { NetworkPolicy } from "../../network/policy/policy.ts";
import { serveProxy } from "../../network/proxy/server.ts";
import { isPolicy } from "../../state/record.ts";

/** What the proxy's process is given. */
export interface ProxyProcess {
  /** Where it listens. */
  readonly socket: string;
  /** The policy, as JSON. */
  readonly policyFile: string;
  /** Where refusals are written. */
  readonly log: string;
  /** The control socket of the machine's hypervisor. */
  readonly apiSocket: string;
}

/** How long a machine may take to start its hypervisor, and how often that is looked for then. */
const patienceMs = 120_000;
const lookEveryMs = 3000;

/**
 * Runs one machine's proxy until the machine is gone: its hypervisor's socket answers no more, or
 * SIGTERM comes. SIGHUP ends the connections that there are: the policy has become narrower.
 */
export async function runProxy(process: ProxyProcess): Promise<void> {
  const { socket, log, policyFile, apiSocket } = process;
  const proxy = await serveProxy({ socket, log, policy: () => readPolicy(policyFile) });
  const stopping = new AbortController();
  Deno.addSignalListener("SIGHUP", () => proxy.drop());
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => stopping.abort());
  }
  await untilGone(apiSocket, stopping.signal);
  await proxy.close();
}

async function untilGone(apiSocket: string, signal: AbortSignal): Promise<void> {
  const start = performance.now();
  let wasThere = false;
  // A busy hypervisor may miss one probe.
  for (let missed = 0; !signal.aborted;) {
    const isThere = await answers(apiSocket);
    missed = isThere ? 0 : missed + 1;
    const isLate = performance.now() - start > patienceMs;
    if (missed > 1 && (wasThere || isLate)) return;
    wasThere ||= isThere;
    await sleep(lookEveryMs, signal).catch(() => {});
  }
}

/** Out of files, say, this process cannot tell: then it stays. */
async function answers(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.ConnectionRefused);
  }
}

/** Written by nixbox itself, in a directory that is this user's alone. */
async function readPolicy(file: string): Promise<NetworkPolicy | undefined> {
  try {
    const value = parseJson(await readTextIfExists(file) ?? "");
    return isPolicy(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
