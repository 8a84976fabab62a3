import { NixboxError } from "../../base/error.ts";
import { removeIfExists } from "../../host/files/files.ts";
import { lastLines } from "../../host/process/run.ts";
import { provisioningDiskId, provisioningImage } from "../../guest/provisioning.ts";
import { runInGuest } from "../../guest/session.ts";
import type { VmRecord } from "../../state/record.ts";
import { connectGuest } from "../machine/connect_guest.ts";

/**
 * Ends provisioning: the guest has copied what it needs, so the disk with the secrets is taken from
 * it and deleted; then the guest's own word on what went wrong is read.
 *
 * @throws {NixboxError} with the guest's problems, such as a share that it could not mount.
 */
export async function handOver(record: VmRecord, signal: AbortSignal): Promise<void> {
  const [problems] = await Promise.all([
    readProblems(record, signal),
    detachProvisioningDisk(record, signal),
  ]);
  if (problems.length === 0) return;
  throw new NixboxError("the guest could not be provisioned", {
    hint: "see `nixbox logs console`",
    log: problems,
  });
}

async function readProblems(record: VmRecord, signal: AbortSignal): Promise<string[]> {
  const command = "cat /run/nixbox/problems 2>/dev/null; test -e /run/nixbox/env.sh";
  const options = { timeoutMs: 30_000, signal };
  const { code, stdout } = await runInGuest(record.runtimeDirectory, command, options);
  const problems = lastLines(stdout, 50);
  return code === 0 || problems.length > 0
    ? problems
    : ["the guest did not apply its provisioning"];
}

async function detachProvisioningDisk(record: VmRecord, signal: AbortSignal): Promise<void> {
  const guest = await connectGuest(record, { timeoutMs: 10_000, signal });
  try {
    await guest.hotPlug?.removeDevice(provisioningDiskId, { timeoutMs: 30_000 });
  } finally {
    guest.close();
  }
  await removeIfExists(provisioningImage(record.secretsDirectory));
}
