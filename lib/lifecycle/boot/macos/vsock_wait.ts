import { NixboxError } from "../../../base/error.ts";
import { readTail } from "../../../host/files/files.ts";
import { lastLines } from "../../../host/process/run.ts";
import { sleep, waitFor } from "../../../base/wait.ts";
import type { VsockRecord } from "../../../state/record.ts";

/** How far a try to reach the guest's sshd over vsock came. */
type Reached = "nothing" | "hypervisor" | "sshd";

/** Waits until the guest's sshd says who it is (RFC 4253, section 4.2) on its vsock port. */
export async function waitForSsh(
  record: VsockRecord,
  options: {
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
    readonly consoleLog: string;
  },
): Promise<void> {
  let last: Reached = "nothing";
  const reached = await waitFor(async () => {
    last = await probe(record.network.sshSocket, options.signal);
    return last === "sshd" ? true : undefined;
  }, { ...options, firstDelayMs: 25, longestDelayMs: 200 });
  if (reached) return;
  const seconds = Math.round(options.timeoutMs / 1000);
  throw new NixboxError(`the guest could not be reached within ${seconds} s`, {
    hint: "a slow machine may need `--timeout SECONDS`; see `nixbox logs console`",
    log: [
      last === "nothing"
        ? `vsock: the hypervisor does not listen at ${record.network.sshSocket}`
        : "vsock: the hypervisor listens, but no sshd of the guest's answers",
      ...lastLines(await readTail(options.consoleLog), 8),
    ],
  });
}

/** The hypervisor takes the connection itself, and drops it where nobody in the guest listens. */
async function probe(path: string, signal: AbortSignal): Promise<Reached> {
  let connection: Deno.UnixConn;
  try {
    connection = await Deno.connect({ transport: "unix", path });
  } catch {
    return "nothing";
  }
  try {
    const first = new Uint8Array(4);
    const count = await Promise.race([connection.read(first), sleep(2000, signal)]);
    const isSsh = count === 4 && new TextDecoder().decode(first) === "SSH-";
    return isSsh ? "sshd" : "hypervisor";
  } catch (error) {
    if (signal.aborted) throw error;
    return "hypervisor";
  } finally {
    connection.close();
  }
}
