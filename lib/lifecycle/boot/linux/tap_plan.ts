import { type GroupManager, groupName } from "../../../host/confinement/control_group.ts";
import { runtimeDirectoryCommands } from "../../../host/root/runtime_directory.ts";
import { claimCommand } from "../../../state/claims.ts";
import { lockCommand } from "../../../state/slot_lock.ts";
import { sharedDirectoryCommands } from "../../../state/shared_directory.ts";
import { patchRunner, writeRunner } from "../../../runner/mod.ts";
import type { Runner } from "../../../runner/mod.ts";
import type { RunnerChanges } from "../../../runner/view.ts";
import { slotAddresses } from "../../../network/policy/addresses.ts";
import type { HostNetwork } from "../../../network/host_network.ts";
import { networkCommands, type NetworkPlan, networkPlan } from "../../../network/network_plan.ts";
import { type NetworkPolicy, policyOf } from "../../../network/policy/policy.ts";
import { masterArgv } from "../../../guest/ssh.ts";
import { diskDirectory } from "../../../state/kept.ts";
import type { ShareRecord, VmRecord } from "../../../state/record.ts";
import {
  commonChanges,
  initialRecord,
  type MachineFacts,
  type MachinePlan,
  provisioningOf,
  runtimeDirectoryOf,
  wantedShares,
} from "../machine_plan.ts";
import {
  requireMasks,
  type ServerFacts,
  type ServerPlan,
  serverPlan,
} from "../../shares/share_server.ts";
import { otherDisks, placedVmm, type VmmPlace, vmmRoot, vmmSockets } from "./vmm_place.ts";

/** All that a plan on Linux follows from. */
export interface PlanInput extends Omit<MachineFacts, "tools">, ServerFacts {
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
  /** Whether the kernel has Landlock as cloud-hypervisor wants it. */
  readonly hasLandlock: boolean;
  /** Who makes control groups. */
  readonly groupManager: GroupManager;
}

/** What `up` will do on Linux: plain data, which `up --dry-run` prints. */
export interface Plan extends MachinePlan {
  /** Tells it from a plan for vsock. */
  readonly kind: "tap";
  /** Tap, rules, names and what looks into connections. */
  readonly network: NetworkPlan;
  /** One for each share. */
  readonly virtiofsd: readonly ServerPlan[];
  /** What the hypervisor sees, and what bounds it and the servers. */
  readonly place: VmmPlace;
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
  const runner = patchRunner(input.runner, changes);
  const plan = {
    kind: "tap",
    record,
    directories: [
      record.runtimeDirectory,
      vmmSockets(record.runtimeDirectory),
      record.secretsDirectory,
    ],
    network: planOfNetwork(input, record.network.policy),
    virtiofsd: record.shares.map((share) => serverPlan(input.host, share, input)),
    place: placeOf(input, record, runner),
    provisioning: provisioningOf(input, record),
    changes,
    script: writeRunner(runner),
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
  const record = initialRecord(
    input,
    shareRecords(input),
    input.runnerShares.length + input.config.mounts.length,
    { kind: "tap", policy, slot, tap, table, mac: input.mac, gateway, address },
  );
  return { ...record, apiSocket: `${vmmSockets(record.runtimeDirectory)}/api.sock` };
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
    socket: `${vmmSockets(runtimeDirectoryOf(input))}/share${index}.sock`,
  }));
}

function placeOf(input: PlanInput, record: VmRecord, runner: Runner): VmmPlace {
  const { user } = input.host;
  return {
    // Root has no use for a user namespace.
    isolation: user.uid === 0 ? "root-mount-namespace" : input.isolation,
    root: vmmRoot(runner, record, input.state),
    disks: otherDisks(runner),
    tools: input.tools,
    namespace: slotAddresses(input.slot).namespace,
    group: {
      manager: input.groupManager,
      name: groupName(input.slot),
      memoryMB: Math.ceil(record.memoryMB * 1.1) + memoryBesideGuestMB,
      tasks: 1024 + 16 * record.cpus,
      weight: 50,
    },
  };
}

/** MiB for hypervisor (its emulator translates into up to 1 GiB), servers and what they keep of files. */
const memoryBesideGuestMB = 2048;

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
    ...(input.hasLandlock
      ? { openable: [diskDirectory(input.state.directory), vmmSockets(record.runtimeDirectory)] }
      : {}),
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
  plan: Pick<Plan, "network" | "virtiofsd" | "vmm" | "place">,
): readonly (readonly string[])[] {
  const place = { directory: input.sharedDirectory };
  return [
    ...sharedDirectoryCommands(place),
    lockCommand(place),
    claimCommand(place, input.slot),
    ...runtimeDirectoryCommands(input.host),
    ...networkCommands(plan.network),
    ...plan.virtiofsd.filter(({ byRoot }) => byRoot).map(({ argv }) => argv),
    placedVmm(input.host.user, plan.place, plan.vmm, {
      recorded: (argv) => argv,
      groups: [],
      servers: [],
    }),
  ];
}
