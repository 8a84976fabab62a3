import type { Config, Project } from "../../config/config.ts";
import type { Host, ProcessIdentity } from "../../host/host.ts";
import { normalTarget } from "../../base/guest_path.ts";
import { expandHome } from "../../base/paths.ts";
import type { Runner } from "../../runner/mod.ts";
import type { RunnerChanges } from "../../runner/view.ts";
import {
  mountModeOf,
  type Provisioning,
  provisioningDiskId,
  provisioningImage,
  provisioningSerial,
} from "../../guest/provisioning.ts";
import type { MountSource } from "../protection/located.ts";
import type { ShareRecord, VmRecord } from "../../state/record.ts";
import type { StatePaths } from "../../state/store.ts";
import type { HostFile } from "../trust/host_files.ts";

/** What every plan follows from. Nothing in it is asked again while the plan is made. */
export interface MachineFacts {
  readonly host: Pick<Host, "user" | "paths" | "privilege">;
  readonly project: Project;
  readonly config: Config;
  /** The guest's variables, with the values that their sources have now. */
  readonly env: Readonly<Record<string, string>>;
  readonly state: StatePaths;
  readonly mac: string;
  /** The runner as it was built. */
  readonly runner: Runner;
  /** Hash of the build, or `prebuilt`. */
  readonly build: string;
  /** What hooks may run, as it was accepted. */
  readonly hostFiles: readonly HostFile[];
  /** Who the guest's user is, as the runner's package says. */
  readonly guest: { readonly user: string; readonly home: string };
  /** The guest's `system.stateVersion`, where the runner's package tells it. */
  readonly stateVersion: string | undefined;
  /** Sources of `config.mounts`, in order: real paths, and which directories they are. */
  readonly sources: readonly MountSource[];
  /** Directories of the guest that it sees at a second path too. */
  readonly binds: readonly { readonly from: string; readonly to: string }[];
  /** Real paths that no guest may see: `.nixbox`, and where nixbox keeps its own things. */
  readonly privateDirectories: readonly string[];
  readonly acceleration: "hardware" | "emulation";
  readonly tools: { readonly bash: string };
  readonly starter: ProcessIdentity;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What `up` will do on any host: plain data. */
export interface MachinePlan {
  /** The machine's record as it is written before the first step. */
  readonly record: VmRecord;
  /** Made private to the user. */
  readonly directories: readonly string[];
  /** What the guest is told; `env` has secrets. */
  readonly provisioning: Provisioning;
  /** How the runner is changed for this run. */
  readonly changes: RunnerChanges;
  /** The runner with `changes` applied: a bash script. */
  readonly script: string;
  /** What a disk that this boot makes is noted to be of; absent where that is not known. */
  readonly stateVersion?: string | undefined;
  /** The hypervisor's command. */
  readonly vmm: readonly string[];
  /** The master connection's command. */
  readonly ssh: readonly string[];
  /** Every command that runs as root, in order. */
  readonly asRoot: readonly (readonly string[])[];
}

/** Where the sockets of a project's machine are. */
export function runtimeDirectoryOf(facts: Pick<MachineFacts, "host" | "project">): string {
  return `${facts.host.paths.runtime}/${facts.project.id}`;
}

/** The record of a machine that is about to start; how it is reached and what it shares is given. */
export function initialRecord(
  facts: MachineFacts,
  shares: readonly ShareRecord[],
  nextShare: number,
  network: VmRecord["network"],
): VmRecord {
  const { project, config, host, runner } = facts;
  const runtimeDirectory = runtimeDirectoryOf(facts);
  return {
    version: 3,
    id: project.id,
    name: config.name,
    project: project.directory,
    state: "starting",
    startedAt: facts.now,
    starter: facts.starter,
    hypervisor: runner.hypervisor,
    acceleration: facts.acceleration,
    cpus: config.resources.vcpus,
    memoryMB: config.resources.memoryMB,
    build: facts.build,
    runtimeDirectory,
    secretsDirectory: `${host.paths.secrets}/${project.id}.secrets`,
    apiSocket: `${runtimeDirectory}/api.sock`,
    servers: [],
    shares,
    nextShare,
    network,
    guest: { user: facts.guest.user, home: facts.guest.home },
    hooks: {
      preDown: [...config.hooks["pre-down"]],
      postDown: [...config.hooks["post-down"]],
      files: facts.hostFiles,
    },
  };
}

/** One of the config's mounts, as far as it is the same on every host. */
export type WantedShare =
  & Required<
    Pick<ShareRecord, "tag" | "source" | "identity" | "readonly" | "overlay">
  >
  & Pick<ShareRecord, "protection" | "only">
  & { readonly target: string };

/** The config's mounts with their real sources, in order. */
export function wantedShares(facts: MachineFacts): readonly WantedShare[] {
  return facts.config.mounts.map((mount, index) => ({
    tag: `nixbox-share${index}`,
    source: facts.sources[index]?.path ?? mount.source,
    identity: facts.sources[index]?.identity ?? "",
    readonly: mount.readonly || mount.overlay,
    overlay: mount.overlay,
    ...(mount.only === undefined ? {} : { only: mount.only }),
    ...(facts.sources[index]?.protection === undefined
      ? {}
      : { protection: facts.sources[index].protection }),
    target: expandHome(normalTarget(mount.target), facts.guest.home),
  }));
}

/** What the guest is told of itself and of the shares that its kernel mounts. */
export function provisioningOf(facts: MachineFacts, record: VmRecord): Provisioning {
  return {
    user: record.guest.user,
    hostname: record.name,
    clock: Math.floor(facts.now / 1000),
    env: facts.env,
    mounts: [
      ...record.shares.flatMap((share) =>
        share.target === undefined
          ? []
          : [{ tag: share.tag, target: share.target, mode: mountModeOf(share) }]
      ),
      ...facts.binds.map(({ from, to }) => ({
        tag: expandHome(normalTarget(from), facts.guest.home),
        target: to,
        mode: "bind" as const,
      })),
    ],
  };
}

/** The changes to the runner that every machine needs. */
export function commonChanges(facts: MachineFacts, record: VmRecord) {
  return {
    cpus: record.cpus,
    memoryMB: record.memoryMB,
    confined: true,
    apiSocket: record.apiSocket,
    addDisks: [{
      path: provisioningImage(record.secretsDirectory),
      readonly: true,
      id: provisioningDiskId,
      serial: provisioningSerial,
    }],
    consoleLog: `${facts.state.logs}/console.log`,
  } satisfies RunnerChanges;
}
