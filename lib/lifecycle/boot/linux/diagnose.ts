import { NixboxError } from "../../../base/error.ts";
import { readTail, readTextIfExists } from "../../../host/files/files.ts";
import type { Host } from "../../../host/host.ts";
import { lastLines } from "../../../host/process/run.ts";
import { slotAddresses } from "../../../network/policy/addresses.ts";
import { dnsmasqPaths } from "../../../network/dns/dnsmasq.ts";
import { runInNamespace } from "../../../network/namespace/namespace.ts";
import type { TapRecord } from "../../../state/record.ts";
import type { SlotPlace } from "../../../state/slots.ts";

/** What was found on the way from the host to the guest's sshd, near end first. */
export interface Reachability {
  /** Whether the VMM holds the tap. */
  readonly hasLink: boolean;
  /** Whether dnsmasq gave the guest its address. */
  readonly hasLease: boolean;
  readonly port: "open" | "refused" | "silent";
}

export async function findReachability(
  host: Host,
  place: SlotPlace,
  record: TapRecord,
  port: Reachability["port"],
): Promise<Reachability> {
  const { tap, slot, address } = record.network;
  const look = ["ip", "link", "show", "dev", tap];
  const { stdout } = await runInNamespace(host, slotAddresses(slot), look, undefined, {
    accept: "any",
  });
  const leases = await readTextIfExists(dnsmasqPaths(place.directory, slot).leases);
  return {
    hasLink: /[<,]LOWER_UP[,>]/.test(stdout),
    hasLease: leases?.includes(` ${address} `) ?? false,
    port,
  };
}

/** The error of a guest that did not come up in time: what was reached, and what was not. */
export async function notReachableError(
  record: TapRecord,
  found: Reachability,
  afterMs: number,
  consoleLog: string,
): Promise<NixboxError> {
  const { address } = record.network;
  const chain = [
    found.hasLink ? "link: the tap is up" : "link: no hypervisor holds the tap",
    found.hasLease ? `lease: the guest has ${address}` : "lease: the guest asked for no address",
    {
      open: "port: sshd answers, but no login succeeded",
      refused: `port: ${address} answers, but no sshd listens`,
      silent: `port: nothing answers at ${address}`,
    }[found.port],
  ];
  return new NixboxError(`the guest could not be reached within ${Math.round(afterMs / 1000)} s`, {
    hint: `${adviceFor(found)}; a slow machine may need \`--timeout SECONDS\``,
    log: [...chain, ...lastLines(await readTail(consoleLog), 8)],
  });
}

function adviceFor(found: Reachability): string {
  if (!found.hasLink) return "the hypervisor has no network card: see `nixbox logs hypervisor`";
  if (found.hasLease && found.port !== "silent") {
    return "sshd did not start or is not ready: see `nixbox logs console`";
  }
  return "the guest did not boot far enough to use its network: see `nixbox logs console`";
}
