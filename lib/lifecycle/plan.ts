import type { Config, Project } from "../config/types.ts";
import type { Host, ProcessIdentity } from "../host/host.ts";
import { patchRunner, type Runner, writeRunner } from "../runner/mod.ts";
import type { RunnerChanges } from "../runner/types.ts";
import { slotAddresses } from "../network/addresses.ts";
import { networkCommands, type NetworkPlan, networkPlan } from "../network/plan.ts";
import { type NetworkPolicy, policyOf } from "../network/policy.ts";
import { normalTarget } from "../host/guest_path.ts";
import { expandHome } from "../host/paths.ts";
import type { Isolation } from "../share/virtiofsd.ts";
import {
  mountModeOf,
  type Provisioning,
  provisioningDiskId,
  provisioningImage,
  provisioningSerial,
} from "../guest/provisioning.ts";
import { masterArgv } from "../guest/ssh.ts";
import type { ShareRecord, VmRecord } from "../state/record.ts";
import type { StatePaths } from "../state/store.ts";
import { requireMasks, shareArgv } from "./share_server.ts";

/** All that a plan follows from. Nothing in it is asked again while the plan is made. */
export interface PlanInput {
  readonly host: Pick<Host, "user" | "paths" | "privilege">;
  readonly hostHasIpv6: boolean;
  readonly project: Project;
  readonly config: Config;
  /** The guest's variables, with the values that their sources have now. */
  readonly env: Readonly<Record<string, string>>;
  readonly state: StatePaths;
  readonly sharedDirectory: string;
  readonly slot: number;
  readonly mac: string;
  readonly resolvers: readonly string[];
  /** Whether dnsmasq can leave kinds of records out (2.90 and later). */
  readonly canFilterRecords: boolean;
  /** The runner as it was built. */
  readonly runner: Runner;
  /** Hash of the build, or `prebuilt`. */
  readonly build: string;
  /** Who the guest's user is, as the runner's package says. */
  readonly guest: { readonly user: string; readonly home: string };
  /** Sources of `config.mounts`, in order: real paths, and which directories they are. */
  readonly sources: readonly { readonly path: string; readonly identity: string }[];
  /** Real paths that no guest may see: `.nixbox`, and where nixbox keeps its own things. */
  readonly privateDirectories: readonly string[];
  /** Shares that the runner brings: read-only, mounted by the guest's own configuration. */
  readonly runnerShares: readonly {
    readonly tag: string;
    readonly source: string;
    readonly identity: string;
  }[];
  readonly isolation: Isolation;
  readonly acceleration: "hardware" | "emulation";
  readonly tools: { readonly virtiofsd: string; readonly bash: string };
  /** What raises the limit of open files for the program after it; empty where nothing need or can. */
  readonly raiseOpenFiles: readonly string[];
  readonly starter: ProcessIdentity;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What `up` will do: plain data, which `up --dry-run` prints. */
export interface Plan {
  /** The machine's record as it is written before the first step. */
  readonly record: VmRecord;
  /** Made private to the user. */
  readonly directories: readonly string[];
  /** Tap, rules, names and what looks into connections. */
  readonly network: NetworkPlan;
  /** One for each share. */
  readonly virtiofsd: readonly { readonly id: string; readonly argv: readonly string[] }[];
  /** What the guest is told; `env` has secrets. */
  readonly provisioning: Provisioning;
  /** How the runner is changed for this run. */
  readonly changes: RunnerChanges;
  /** The runner with `changes` applied: a bash script. */
  readonly script: string;
  /** The hypervisor's command. */
  readonly vmm: readonly string[];
  /** The master connection's command. */
  readonly ssh: readonly string[];
  /** Every command that runs as root, in order. */
  readonly asRoot: readonly (readonly string[])[];
}

/** How many devices can be added to a machine while it runs; q35 has room for some thirty in all. */
export const hotPlugPorts = 8;

/**
 * Makes the plan of `up`: a pure function of its input.
 *
 * @throws {NixboxError} if the runner lacks what the plan needs, or a share must not be.
 */
export function makePlan(input: PlanInput): Plan {
  const record = initialRecord(input);
  const changes = runnerChanges(input, record);
  const plan = {
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
    vmm: [input.tools.bash, `${record.runtimeDirectory}/microvm-run`],
    ssh: masterArgv(record.runtimeDirectory),
  };
  return { ...plan, asRoot: rootCommands(input, plan) };
}

function initialRecord(input: PlanInput): VmRecord {
  const { project, config, host, runner } = input;
  const runtimeDirectory = `${host.paths.runtime}/${project.id}`;
  const slot = slotAddresses(input.slot);
  return {
    version: 2,
    id: project.id,
    name: config.name,
    project: project.directory,
    state: "starting",
    startedAt: input.now,
    starter: input.starter,
    hypervisor: runner.hypervisor,
    acceleration: input.acceleration,
    cpus: config.resources.vcpus,
    memoryMB: config.resources.memoryMB,
    build: input.build,
    runtimeDirectory,
    secretsDirectory: `${host.paths.secrets}/${project.id}.secrets`,
    apiSocket: `${runtimeDirectory}/api.sock`,
    servers: [],
    shares: shareRecords(input, runtimeDirectory),
    nextShare: input.runnerShares.length + config.mounts.length,
    network: {
      policy: policyOf(config.network, input.resolvers),
      slot: slot.slot,
      tap: slot.tap,
      table: slot.table,
      mac: input.mac,
      gateway: slot.gateway,
      address: slot.address,
    },
    guest: { user: input.guest.user, home: input.guest.home },
    hooks: { preDown: [...config.hooks["pre-down"]], postDown: [...config.hooks["post-down"]] },
  };
}

function shareRecords(input: PlanInput, runtimeDirectory: string): ShareRecord[] {
  const own = input.runnerShares.map(({ tag, source, identity }) => ({
    tag,
    source,
    identity,
    readonly: true,
    overlay: false,
  }));
  const wanted = input.config.mounts.map((mount, index) => ({
    tag: `nixbox-share${index}`,
    source: input.sources[index]?.path ?? mount.source,
    identity: input.sources[index]?.identity ?? "",
    readonly: mount.readonly || mount.overlay,
    overlay: mount.overlay,
    target: expandHome(normalTarget(mount.target), input.guest.home),
  }));
  return [...own, ...wanted].map((share, index) => ({
    ...share,
    id: `share${index}`,
    via: "virtiofs",
    masks: requireMasks(share.source, input.privateDirectories),
    state: "ready",
    socket: `${runtimeDirectory}/share${index}.sock`,
  }));
}

function planOfNetwork(input: PlanInput, policy: NetworkPolicy): NetworkPlan {
  const { slot, mac, hostHasIpv6, canFilterRecords, sharedDirectory } = input;
  return networkPlan({
    slot,
    mac,
    hostname: input.config.name,
    cpus: input.config.resources.vcpus,
    user: input.host.user,
    hostHasIpv6,
    policy,
    canFilterRecords,
    sharedDirectory,
  });
}

function provisioningOf(input: PlanInput, record: VmRecord): Provisioning {
  return {
    user: record.guest.user,
    hostname: record.name,
    clock: Math.floor(input.now / 1000),
    env: input.env,
    mounts: record.shares.flatMap((share) =>
      share.target === undefined
        ? []
        : [{ tag: share.tag, target: share.target, mode: mountModeOf(share) }]
    ),
  };
}

function runnerChanges(input: PlanInput, record: VmRecord): RunnerChanges {
  const { tap, mac } = record.network;
  return {
    cpus: record.cpus,
    memoryMB: record.memoryMB,
    networks: [{ kind: "tap", tap, mac }],
    vsockCid: null,
    apiSocket: record.apiSocket,
    addDisks: [{
      path: provisioningImage(record.secretsDirectory),
      readonly: true,
      id: provisioningDiskId,
      serial: provisioningSerial,
    }],
    removeShares: input.runnerShares.map(({ tag }) => tag),
    addShares: record.shares.map(({ tag, socket, id }) => ({ tag, socket, id })),
    consoleLog: `${input.state.logs}/console.log`,
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
  plan: Pick<Plan, "network" | "virtiofsd">,
): readonly (readonly string[])[] {
  return [
    ...networkCommands(plan.network),
    ...(input.isolation === "root-mount-namespace"
      ? plan.virtiofsd.map(({ argv }) => argv.slice(argv.indexOf("unshare")))
      : []),
  ];
}
