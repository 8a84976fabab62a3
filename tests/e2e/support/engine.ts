import { detectHost } from "../../../lib/host/detect.ts";
import { type Finished, run } from "../../../lib/host/process/run.ts";
import { slotAddresses, usualRange } from "../../../lib/network/policy/addresses.ts";
import { passDocker, unpassDocker } from "../../../lib/network/docker.ts";
import { addressLifetime } from "../../../lib/network/rules/firewall.ts";
import {
  deleteFirewall,
  joinNamespace,
  loadFirewall,
  partNamespace,
} from "../../../lib/network/join.ts";
import { runInNamespace } from "../../../lib/network/namespace/namespace.ts";
import { hostNetwork } from "../../../lib/network/host_network.ts";
import { type NetworkPlan, networkPlan } from "../../../lib/network/network_plan.ts";
import type { NetworkPolicy } from "../../../lib/network/policy/policy.ts";
import { startServices, stopServices } from "../../../lib/network/services.ts";
import { filteredPolicy } from "./policy.ts";

export const host = await detectHost();

const network = await hostNetwork(host);

const sharedDirectory = "/run/nixbox";

export function planOf(slot: number, policy: Partial<NetworkPolicy> = {}): NetworkPlan {
  return networkPlan({
    slot,
    mac: macOf(slot),
    hostname: `box${slot}`,
    cpus: 1,
    user: { uid: 0, gid: 0 },
    hostHasIpv6: true,
    policy: { ...filteredPolicy, ...policy },
    hostNetwork: network,
    range: usualRange,
    canFilterRecords: true,
    sharedDirectory,
  });
}

function macOf(slot: number): string {
  return `02:00:00:00:00:${slot.toString(16).padStart(2, "0")}`;
}

/**
 * The network of one slot as `up` makes it, with a network namespace for a guest: everything but
 * the machine is real.
 */
export class EmptySlot {
  private constructor(readonly slot: number) {}

  /** `lifetime` is how long an address stays allowed; an hour in real life. */
  static async make(
    slot: number,
    policy: Partial<NetworkPolicy> = {},
    lifetime = addressLifetime,
  ): Promise<EmptySlot> {
    const empty = new EmptySlot(slot);
    const { tap, gateway, address, link } = slotAddresses(slot);
    const plan = planOf(slot, policy);
    await run(["install", "-d", sharedDirectory, `${sharedDirectory}/vm`]);
    await run(["ip", "netns", "add", `guest${slot}`]);
    await loadFirewall(host, {
      ...plan,
      // In place of a tap with a machine behind it.
      tap: `link add ${tap} type veth peer name eth0 netns guest${slot} address ${macOf(slot)}\n`,
      firewall: plan.firewall.replaceAll(addressLifetime, lifetime),
    });
    await joinNamespace(host, plan);
    await run(["ip", "-netns", `guest${slot}`, "-batch", "-"], {
      stdin: `link set lo up
link set eth0 up
address add ${address}/30 dev eth0
route add default via ${gateway}
`,
    });
    await Deno.writeTextFile("/proc/sys/net/ipv4/ip_forward", "1");
    await passDocker(host, link);
    await startServices(host, plan);
    return empty;
  }

  /** Runs a line of shell where the guest would be, with its resolver. */
  async run(line: string): Promise<Finished> {
    const { gateway } = slotAddresses(this.slot);
    const resolver = `/tmp/resolv-${this.slot}.conf`;
    await Deno.writeTextFile(resolver, `nameserver ${gateway}\n`);
    // `ip netns exec` gives it its own mount namespace.
    return await run([
      ...["ip", "netns", "exec", `guest${this.slot}`, "sh", "-c"],
      `mount --bind ${resolver} /etc/resolv.conf; ${line}`,
    ], { accept: "any", timeoutMs: 60_000 });
  }

  /** Runs a program in the slot's namespace, as root. */
  async inside(...argv: readonly string[]): Promise<Finished> {
    return await runInNamespace(host, slotAddresses(this.slot), argv, undefined, { accept: "any" });
  }

  /** Undoes all, by what `down` uses. */
  async [Symbol.asyncDispose](): Promise<void> {
    const names = slotAddresses(this.slot);
    await stopServices(host, sharedDirectory, this.slot);
    await unpassDocker(host, names.link);
    await partNamespace(host, names);
    await run(["ip", "netns", "delete", `guest${this.slot}`], { accept: "any" });
    await deleteFirewall(host, names);
    const { stdout: links } = await run(["ip", "-o", "link"]);
    if (!/ nbx\d+/.test(links)) await Deno.writeTextFile("/proc/sys/net/ipv4/ip_forward", "0");
  }
}
