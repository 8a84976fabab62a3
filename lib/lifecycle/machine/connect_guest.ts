import type { HypervisorDriver, RunningGuest } from "../../hypervisor/driver.ts";
import type { VmRecord } from "../../state/record.ts";

/** Connects to a machine's hypervisor by its control socket; loads only that one's driver. */
export async function connectGuest(
  record: Pick<VmRecord, "hypervisor" | "apiSocket">,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
): Promise<RunningGuest> {
  return await (await driverOf(record.hypervisor)).connect(record.apiSocket, options);
}

async function driverOf(name: VmRecord["hypervisor"]): Promise<HypervisorDriver> {
  switch (name) {
    case "qemu":
      return (await import("../../hypervisor/qemu.ts")).qemuDriver;
    case "cloud-hypervisor":
      return (await import("../../hypervisor/cloud_hypervisor.ts")).cloudHypervisorDriver;
    case "vfkit":
      return (await import("../../hypervisor/vfkit.ts")).vfkitDriver;
  }
}
