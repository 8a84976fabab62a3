import { namespaceCommand } from "../host/namespaced.ts";
import { runtimeDirectoryCommands } from "../host/runtime_directory.ts";
import { claimCommand } from "../state/claims.ts";
import { lockCommand } from "../state/slot_lock.ts";
import { sharedDirectoryCommands } from "../state/shared_directory.ts";
import { patchRunner, writeRunner } from "../runner/mod.ts";
import type { RunnerChanges } from "../runner/types.ts";
import { slotAddresses } from "../network/addresses.ts";
import type { HostNetwork } from "../network/host_network.ts";
import { networkCommands, type NetworkPlan, networkPlan } from "../network/plan.ts";
import { type NetworkPolicy, policyOf } from "../network/policy.ts";
import { masterArgv } from "../guest/ssh.ts";
import type { Isolation } from "../share/virtiofsd.ts";
import type { ShareRecord, VmRecord } from "../state/record.ts";
import {
  commonChanges,
  initialRecord,
  type MachineFacts,
  type MachinePlan,
  provisioningOf,
  runtimeDirectoryOf,
  wantedShares,
} from "./machine_plan.ts";
import { requireMasks, shareArgv } from "./share_server.ts";

/** All that a plan on Linux follows from. */
export interface PlanInput extends MachineFacts {
  readonly hostHasIpv6: boolean;
  readonly hostNetwork: HostNetwork;
  /** Where machines have their addresses. */
  readonly range: string;
  readonly sharedDirectory: string;
  readonly slot: number;
  readonly resolvers: readonly string[];
  /** Whether dnsmasq can leave kinds of records out (2.90 and later). */
  readonly canFilterRecords: boolean;
  /** Shares that the runner brings: read-only, mounted by the guest's own configuration. */
  readonly runnerShares: readonly {
    readonly tag: string;
    readonly source: string;
    readonly identity: string;
  }[];
  readonly isolation: Isolation;
  readonly tools: { readonly virtiofsd: string; readonly bash: string };
  /** What raises the limit of open files for the program after it; empty where nothing need or can. */
  readonly raiseOpenFiles: readonly string[];
  /** What a command is put behind for a filter of system calls. */
  readonly callFilter: readonly string[];
}

/** What `up` will do on Linux: plain data, which `up --dry-run` prints. */
export interface Plan extends MachinePlan {
  /** Tells it from a plan for vsock. */
  readonly kind: "tap";
  /** Tap, rules, names and what looks into connections. */
  readonly network: NetworkPlan;
  /** One for each share. */
  readonly virtiofsd: readonly { readonly id: string; readonly argv: readonly string[] }[];
}

/** How many devices can be added to a machine while it runs; q35 has room for some thirty in all. */
export const hotPlugPorts = 8;

/**
 * Makes the plan of `up` on Linux: a pure function of its input.
 *
 * @throws {NixboxError} if the runner lacks what the plan needs, or a share must not be.
 */
export function makePlan(input: PlanInput): Plan {
  const record = recordOf(input);
  const changes = runnerChanges(input, record);
  const plan = {
    kind: "tap",
    record,
    directories: [record.runtimeDirectory, record.secretsDirectory],
    network: planOfNetwork(input, record.network.policy),
    virtiofsd: record.shares.map((share) => ({
      id: share.id,
      argv: shareArgv(input.host, share, input),
    })),
    provisioning: provisioningOf(input, record),
    changes,
    script: writeRunner(patchRunner(input.runner, changes)),
    stateVersion: input.stateVersion,
    vmm: [input.tools.bash, `${record.runtimeDirectory}/microvm-run`],
    ssh: masterArgv(record.runtimeDirectory),
  } as const;
  return { ...plan, asRoot: rootCommands(input, plan) };
}

function recordOf(input: PlanInput): VmRecord {
  const { slot, tap, table, gateway, address } = slotAddresses(input.slot, input.range);
  const policy = {
    ...policyOf(input.config.network, input.resolvers),
    followsHost: input.config.network.dns.length === 0,
  };
  return initialRecord(
    input,
    shareRecords(input),
    input.runnerShares.length + input.config.mounts.length,
    { kind: "tap", policy, slot, tap, table, mac: input.mac, gateway, address },
  );
}

function shareRecords(input: PlanInput): ShareRecord[] {
  const own = input.runnerShares.map(({ tag, source, identity }) => ({
    tag,
    source,
    identity,
    readonly: true,
    overlay: false,
  }));
  return [...own, ...wantedShares(input)].map((share, index) => ({
    ...share,
    id: `share${index}`,
    via: "virtiofs",
    masks: requireMasks(share.source, input.privateDirectories),
    state: "ready",
    socket: `${runtimeDirectoryOf(input)}/share${index}.sock`,
  }));
}

function planOfNetwork(input: PlanInput, policy: NetworkPolicy): NetworkPlan {
  const { slot, mac, hostHasIpv6, canFilterRecords, sharedDirectory, hostNetwork, range } = input;
  return networkPlan({
    slot,
    mac,
    hostname: input.config.name,
    cpus: input.config.resources.vcpus,
    user: input.host.user,
    hostHasIpv6,
    policy,
    hostNetwork,
    range,
    canFilterRecords,
    sharedDirectory,
  });
}

function runnerChanges(input: PlanInput, record: VmRecord): RunnerChanges {
  const { tap } = slotAddresses(input.slot);
  return {
    ...commonChanges(input, record),
    networks: [{ kind: "tap", tap, mac: input.mac }],
    vsockCid: null,
    removeShares: input.runnerShares.map(({ tag }) => tag),
    addShares: record.shares.map(({ tag, socket, id }) => ({ tag, socket, id })),
    ...(record.hypervisor === "qemu"
      ? {
        acceleration: input.acceleration === "hardware" ? "kvm" : "tcg",
        hotPlugPorts,
      }
      : {}),
  };
}

function rootCommands(
  input: PlanInput,
  plan: Pick<Plan, "network" | "virtiofsd" | "vmm">,
): readonly (readonly string[])[] {
  const place = { directory: input.sharedDirectory };
  return [
    ...sharedDirectoryCommands(place),
    lockCommand(place),
    claimCommand(place, input.slot),
    ...runtimeDirectoryCommands(input.host),
    ...networkCommands(plan.network),
    namespaceCommand(input.host.user, slotAddresses(input.slot).namespace, plan.vmm),
    ...(input.isolation === "root-mount-namespace"
      ? plan.virtiofsd.map(({ argv }) => argv.slice(argv.indexOf("unshare")))
      : []),
  ];
}
