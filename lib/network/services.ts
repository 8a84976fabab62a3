import { runAsRoot } from "../host/root/as_root.ts";
import type { Host } from "../host/host.ts";
import { processesSeenByRoot } from "../host/root/root_processes.ts";
import { dnsmasqPaths, resolverUid } from "./dns/dnsmasq.ts";
import { removeSlotDirectory, startDnsmasq, stopDnsmasq } from "./dns/dnsmasq_process.ts";
import { inspectorOf } from "./inspector/inspector.ts";
import { startInspector, stopInspector } from "./inspector/inspector_process.ts";
import { rememberRules } from "./kernel_state.ts";
import type { NetworkPlan } from "./network_plan.ts";
import { startWatch, stopWatch } from "./watch.ts";

/** Starts the programs beside one guest: dnsmasq and the watch, and in mode `filtered` the inspector. */
export async function startServices(host: Host, plan: NetworkPlan): Promise<void> {
  await runAsRoot(host, ["sh", ...plan.dnsmasq.prepare]);
  const pid = await startDnsmasq(host, plan.dnsmasq);
  if (plan.inspector !== undefined) await startInspector(host, plan.inspector);
  await startWatch(host, plan.watch, pid);
  await rememberRules(host, plan.slot, plan.dnsmasq.paths.directory, plan.hostNetwork);
}

/** Process ids of what runs beside a guest, for its control group. */
export async function servicePids(host: Host, plan: NetworkPlan): Promise<readonly number[]> {
  const processes = await processesSeenByRoot(host);
  const uids = [plan.dnsmasq.uid, ...(plan.inspector === undefined ? [] : [plan.inspector.uid])];
  return (await Promise.all(uids.map((uid) => processes.ownedBy(uid)))).flat();
}

/** Ends the programs of a slot and removes what they wrote; also of a start that was cut short. */
export async function stopServices(
  host: Host,
  sharedDirectory: string,
  slot: number,
): Promise<void> {
  const paths = dnsmasqPaths(sharedDirectory, slot);
  await stopWatch(host, paths.directory);
  await stopInspector(host, inspectorOf({ slot }).uid);
  await stopDnsmasq(host, resolverUid({ slot }));
  await removeSlotDirectory(host, paths.directory);
}
