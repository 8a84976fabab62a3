import type { NetworkMode } from "../config/config.ts";
import type { HypervisorName } from "../runner/view.ts";
import { hasTarget } from "../state/record.ts";
import { type MountedShare, mountedShare } from "./shares/mounted_share.ts";
import type { AnyPlan } from "./up/engine.ts";

/** What `up` would do, for a person or a program to look at: plain data, without secrets. */
export interface UpSummary {
  /** The machine's name. */
  readonly name: string;
  /** What would run it. */
  readonly hypervisor: HypervisorName;
  /** Whether the processor's virtualization would be used. */
  readonly acceleration: "hardware" | "emulation";
  /** Its vCPUs. */
  readonly cpus: number;
  /** Its memory, in MiB. */
  readonly memoryMB: number;
  /** Its network mode. */
  readonly network: NetworkMode;
  /** The guest's IPv4 address, where the host chooses it (Linux). */
  readonly address?: string;
  /** Directories that the guest would have; sources are real paths. */
  readonly shares: readonly MountedShare[];
  /** Names of the guest's variables. */
  readonly variables: readonly string[];
  /** Commands that would run as root, in order: programs with their arguments. */
  readonly asRoot: readonly (readonly string[])[];
  /** The long-running programs, in order: of shares or of the proxy, the hypervisor, SSH. */
  readonly programs: readonly (readonly string[])[];
  /** The firewall of the machine's network, as nft(8) reads it; none on macOS. */
  readonly firewall?: string;
  /** The hypervisor's start script: the runner as it would be changed for this run; bash. */
  readonly script: string;
}

/** What a plan says, without what only nixbox itself needs. */
export function summaryOf(plan: AnyPlan): UpSummary {
  const { name, hypervisor, acceleration, cpus, memoryMB, network, shares } = plan.record;
  const isTap = plan.kind === "tap";
  const env = isTap ? plan.provisioning.env : plan.environment;
  return {
    name,
    hypervisor,
    acceleration,
    cpus,
    memoryMB,
    network: network.policy.mode,
    ...(network.kind === "tap" ? { address: network.address } : {}),
    shares: [...shares, ...isTap ? [] : plan.overSsh].filter(hasTarget).map(mountedShare),
    variables: Object.keys(env),
    asRoot: plan.asRoot,
    programs: [...serverCommands(plan), plan.vmm, plan.ssh],
    ...(isTap ? { firewall: plan.network.firewall } : {}),
    script: plan.script,
  };
}

function serverCommands(plan: AnyPlan): readonly (readonly string[])[] {
  if (plan.kind === "tap") return plan.virtiofsd.map(({ argv }) => argv);
  return plan.proxy === undefined ? [] : [plan.proxy.argv];
}
