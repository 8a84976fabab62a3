import type { Config, Project } from "../../config/config.ts";
import type { Host } from "../../host/host.ts";
import type { Emit } from "../../base/progress.ts";
import type { VmRecord } from "../../state/record.ts";
import type { Plan } from "../boot/linux/tap_plan.ts";
import type { FactsOptions } from "../boot/machine_facts.ts";
import type { GuestScript } from "../boot/scripts.ts";
import type { VsockPlan } from "../boot/macos/vsock_plan.ts";

/** What `up` will do, on either kind of host. */
export type AnyPlan = Plan | VsockPlan;

/** How a boot is done. */
export interface BootOptions extends FactsOptions {
  /** As they were before the guest could write. */
  readonly scripts: readonly GuestScript[];
  readonly timeoutMs?: number;
  /** Remove the machine's disks before its hypervisor starts. */
  readonly fresh?: boolean;
}

/** What differs between hosts that give a guest a tap, and those that reach it over vsock alone. */
export interface Engine {
  /**
   * @throws {NixboxError} if this host lacks what the config's network needs: a guest is never given
   * more than its config allows, for want of a program.
   */
  requireNetwork(host: Host, network: Config["network"]): Promise<void>;
  /** What a boot would do; nothing is started or changed. */
  plan(
    host: Host,
    project: Project,
    config: Config,
    options: FactsOptions,
    emit: Emit,
  ): Promise<AnyPlan>;
  /** Boots a machine, whole or not at all. */
  boot(
    host: Host,
    project: Project,
    config: Config,
    options: BootOptions,
    emit: Emit,
  ): Promise<VmRecord>;
}

/** The engine of a host; loads only that one. */
export async function engineOf(host: Pick<Host, "guestLink">): Promise<Engine> {
  return host.guestLink === "tap"
    ? (await import("../boot/linux/tap_engine.ts")).tapEngine
    : (await import("../boot/macos/vsock_engine.ts")).vsockEngine;
}
