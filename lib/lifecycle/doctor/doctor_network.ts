import type { Host } from "../../host/host.ts";
import { messageOf } from "../../base/error.ts";
import { run, toolMs } from "../../host/process/run.ts";
import { hasTap, type TapRecord } from "../../state/record.ts";
import type { SlotPlace } from "../../state/slots.ts";
import { listRecords } from "../../state/store.ts";
import type { Check } from "./check.ts";
import { machineState } from "../machine/machine.ts";
import { faultsInWords, faultsOf } from "../network/faults.ts";

/**
 * Looks at the networks of this user's running machines, in the kernel; that needs root, without a
 * question for a password.
 */
export async function checkNetworks(host: Host, place: SlotPlace): Promise<readonly Check[]> {
  const running: TapRecord[] = [];
  for (const record of (await listRecords(host)).records) {
    if (hasTap(record) && await machineState(host, record) === "running") running.push(record);
  }
  if (running.length === 0) return [];
  const isRoot = host.user.uid === 0;
  if (
    !isRoot && (await run(["sudo", "-n", "true"], { accept: "any", timeoutMs: toolMs })).code !== 0
  ) {
    return [{ name: "machines' networks", state: "ok", detail: "not looked at: that needs root" }];
  }
  return await Promise.all(running.map((record) => checkNetwork(host, place, record)));
}

async function checkNetwork(host: Host, place: SlotPlace, record: TapRecord): Promise<Check> {
  const name = `network of ${record.name}`;
  try {
    const [first, ...more] = faultsInWords(await faultsOf(host, place, record));
    if (first === undefined) return { name, state: "ok", detail: "the kernel has its rules" };
    return {
      name,
      state: "missing",
      detail: [first, ...more].join("; "),
      hint: projectHint(record),
    };
  } catch (error) {
    return { name, state: "missing", detail: `it cannot be read: ${messageOf(error)}` };
  }
}

function projectHint({ project }: TapRecord): string {
  return `in ${project}: \`nixbox network status\``;
}
