import { isAlive } from "../../host/root/end_process.ts";
import type { Host, ProcessIdentity } from "../../host/host.ts";
import type { VmRecord } from "../../state/record.ts";

/** Where a machine's proxy is, and what it reads and writes. */
export function proxyPaths(runtimeDirectory: string, logs: string) {
  return {
    socket: `${runtimeDirectory}/proxy.sock`,
    policyFile: `${runtimeDirectory}/policy.json`,
    log: `${logs}/proxy.log`,
  };
}

/** The process of a machine's proxy; `undefined` if it has none, or no longer. */
export async function runningProxy(
  host: Host,
  record: Pick<VmRecord, "servers">,
): Promise<ProcessIdentity | undefined> {
  const process = record.servers.find(({ id }) => id === "proxy")?.process;
  return process !== undefined && await isAlive(host, process) ? process : undefined;
}
