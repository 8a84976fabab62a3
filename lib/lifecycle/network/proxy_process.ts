import { type DetachedProcess, spawnDetached } from "../../host/process/detached.ts";
import { removeIfExists, writeTextAtomically } from "../../host/files/files.ts";
import type { Host } from "../../host/host.ts";
import type { NetworkPolicy } from "../../network/policy/policy.ts";
import type { VmRecord } from "../../state/record.ts";
import { statePaths } from "../../state/store.ts";
import { deathOf, waitForSocket } from "../machine/waiting.ts";
import type { ProxyPlan } from "../boot/macos/vsock_plan.ts";

/**
 * Starts a machine's proxy; it listens once `isReady` resolves. It goes on without this program and
 * its terminal, and ends with the machine.
 */
export async function startProxy(
  host: Host,
  record: Pick<VmRecord, "id" | "network">,
  plan: ProxyPlan,
  signal: AbortSignal,
): Promise<{ process: DetachedProcess; isReady: () => Promise<void> }> {
  await writePolicy(plan.policyFile, record.network.policy);
  await removeIfExists(plan.socket);
  const { logs, directory } = statePaths(host, record.id);
  const logFile = `${logs}/proxy-process.log`;
  const process = await spawnDetached(host, plan.argv, {
    logFile,
    cwd: directory,
    owner: record.id,
  });
  const death = deathOf("the proxy", process, [logFile]);
  return {
    process,
    isReady: () => waitForSocket(plan.socket, AbortSignal.any([signal, death])),
  };
}

/** What the proxy holds the guest to from the next connection on. */
export async function writePolicy(file: string, policy: NetworkPolicy): Promise<void> {
  await writeTextAtomically(file, `${JSON.stringify(policy)}\n`);
}
