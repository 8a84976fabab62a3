import { NixboxError } from "../../../base/error.ts";
import { patchRunner, writeRunner } from "../../../runner/mod.ts";
import type { RunnerChanges, RunnerVsockPort } from "../../../runner/view.ts";
import { masterArgv } from "../../../guest/ssh.ts";
import { guestProxyPort, proxyVariables } from "../../../network/proxy/guest.ts";
import { type NetworkPolicy, policyOf } from "../../../network/policy/policy.ts";
import { areMasksFirm } from "../../../share/seatbelt.ts";
import type { ShareRecord, VmRecord, VsockNetwork } from "../../../state/record.ts";
import {
  commonChanges,
  initialRecord,
  type MachineFacts,
  type MachinePlan,
  provisioningOf,
  runtimeDirectoryOf,
  wantedShares,
} from "../machine_plan.ts";
import { proxyPaths } from "../../network/proxy_place.ts";
import { requireMasks } from "../../shares/share_server.ts";
import { isPlainPath } from "./vfkit_path.ts";

/** All that a plan for a machine on vsock follows from. */
export interface VsockPlanInput extends MachineFacts {
  /** The command that runs this nixbox, for the proxy. */
  readonly ownCommand: readonly string[];
}

/** The allow-list proxy of one machine. */
export interface ProxyPlan {
  /** Its command. */
  readonly argv: readonly string[];
  /** Where it listens. */
  readonly socket: string;
  /** What it holds the guest to. */
  readonly policyFile: string;
}

/** What `up` will do where a guest is reached over vsock alone: plain data. */
export interface VsockPlan extends MachinePlan {
  /** Tells it from a plan for a tap. */
  readonly kind: "vsock";
  /** In mode `filtered`: the guest's only way out. */
  readonly proxy?: ProxyPlan;
  /** Shares that go over the SSH connection once it stands: the host must keep them read-only. */
  readonly overSsh: readonly ShareRecord[];
  /** The guest's variables, which it gets over the SSH connection: values may be secrets. */
  readonly environment: Readonly<Record<string, string>>;
}

/** The vsock port on which the guest's sshd listens (nix/guest/ssh.nix). */
export const sshVsockPort = 2222;

/**
 * Makes the plan of `up` where a guest is reached over vsock alone: a pure function of its input.
 *
 * @throws {NixboxError} if the runner lacks what the plan needs, a share must not be, or vfkit cannot
 * take a path.
 */
export function makeVsockPlan(input: VsockPlanInput): VsockPlan {
  requirePaths(input);
  const shares = shareRecords(input);
  const overSsh = shares.filter(({ via }) => via === "sshfs");
  const record = recordOf(input, shares);
  const { policy } = record.network;
  const changes = runnerChanges(input, record, policy);
  const proxy = policy.mode === "filtered" ? proxyPlan(input, record) : undefined;
  return {
    kind: "vsock",
    environment: { ...(proxy === undefined ? {} : proxyVariables()), ...input.env },
    record,
    directories: [record.runtimeDirectory, record.secretsDirectory],
    ...(proxy === undefined ? {} : { proxy }),
    overSsh,
    provisioning: {
      ...provisioningOf(input, record),
      ...(proxy === undefined ? {} : { proxyPort: guestProxyPort }),
      // vfkit cannot take the disk away, and it lies on the Mac's own: secrets come over SSH.
      env: proxy === undefined ? {} : proxyVariables(),
      ...(policy.mode === "open" ? { dns: policy.resolvers } : {}),
    },
    changes,
    script: writeRunner(patchRunner(input.runner, changes)),
    stateVersion: input.stateVersion,
    vmm: [input.tools.bash, `${record.runtimeDirectory}/microvm-run`],
    ssh: masterArgv(record.runtimeDirectory),
    asRoot: [],
  };
}

/**
 * vfkit takes its options apart at every comma, and reads sockets' paths as URLs: with a space in it,
 * it listens somewhere else.
 */
function requirePaths(input: VsockPlanInput): void {
  const places = [
    // First: without a session's, the others are in it.
    { path: input.state.directory, variable: "XDG_STATE_HOME" },
    { path: runtimeDirectoryOf(input), variable: "XDG_RUNTIME_DIR" },
    { path: input.host.paths.secrets, variable: "XDG_RUNTIME_DIR" },
  ];
  for (const { path, variable } of places) {
    if (isPlainPath(path)) continue;
    throw new NixboxError(`vfkit cannot use the path ${path}: it has a comma, space or such`, {
      where: path,
      hint: `set ${variable} to a directory without them`,
    });
  }
}

function recordOf(
  input: VsockPlanInput,
  shares: readonly ShareRecord[],
): VmRecord & { readonly network: VsockNetwork } {
  // Without configured resolvers, names are asked of the OS as every program here does.
  const network: VsockNetwork = {
    kind: "vsock",
    policy: policyOf(input.config.network, input.config.network.dns),
    mac: input.mac,
    sshSocket: `${runtimeDirectoryOf(input)}/vsock-ssh.sock`,
  };
  const devices = shares.filter(({ via }) => via === "virtiofs");
  return { ...initialRecord(input, devices, shares.length, network), network };
}

/**
 * vfkit serves directories itself: it cannot refuse changes, nor hide a part. So what is read-only
 * goes over SSH, where the host's SFTP server does both; and what vfkit cannot name, too.
 */
function shareRecords(input: VsockPlanInput): ShareRecord[] {
  return wantedShares(input).map((share, index) => {
    if (share.overlay) throw noOverlay(index);
    if (share.only !== undefined) throw noOnly(index);
    const via = share.readonly || !isPlainPath(share.source) ? "sshfs" : "virtiofs";
    const masks = requireMasks(share.source, input.privateDirectories);
    if (via === "virtiofs") requireNothingHidden(input, share.source, masks, index);
    if (!share.readonly && via === "sshfs" && !areMasksFirm(share.source, masks)) {
      throw notHidden(share.source, masks[0] ?? "", index);
    }
    const id = `share${index}`;
    return {
      ...share,
      id,
      via,
      masks: via === "virtiofs" ? [] : masks,
      state: via === "virtiofs" ? "ready" : "changing",
      socket: `${runtimeDirectoryOf(input)}/${id}.${via === "virtiofs" ? "sock" : "root"}`,
    };
  });
}

/** The project's own `.nixbox` is guarded by `nixbox trust`; what else nixbox keeps must stay unseen. */
function requireNothingHidden(
  { project }: VsockPlanInput,
  source: string,
  masks: readonly string[],
  index: number,
): void {
  const seen = masks.find((mask) => mask !== project.configDirectory);
  if (seen !== undefined) throw notHidden(source, seen, index);
}

function notHidden(source: string, seen: string, index: number): NixboxError {
  return new NixboxError(`${source} must not be shared: nothing can be hidden in it on macOS`, {
    where: `mounts[${index}].source`,
    hint: `it holds ${seen}, where nixbox keeps its own; share directories below it instead, ` +
      "or set readonly = true, for a share over SSH, which hides it",
  });
}

function noOnly(index: number): NixboxError {
  return new NixboxError("macOS shares whole directories: it has no mounts with only", {
    where: `mounts[${index}].only`,
    hint: "copy the files: `nixbox cp`",
  });
}

function noOverlay(index: number): NixboxError {
  return new NixboxError("macOS has no shares with overlay", {
    where: `mounts[${index}].overlay`,
    hint: "set readonly = true in its place, or copy the directory: `nixbox cp`",
  });
}

function proxyPlan(input: VsockPlanInput, record: VmRecord): ProxyPlan {
  const { socket, policyFile, log } = proxyPaths(record.runtimeDirectory, input.state.logs);
  return {
    argv: [...input.ownCommand, "internal-proxy", socket, policyFile, log, record.apiSocket],
    socket,
    policyFile,
  };
}

function runnerChanges(
  input: VsockPlanInput,
  record: VmRecord & { readonly network: VsockNetwork },
  policy: NetworkPolicy,
): RunnerChanges {
  const { socket } = proxyPaths(record.runtimeDirectory, input.state.logs);
  const ports: RunnerVsockPort[] = [
    { port: sshVsockPort, socket: record.network.sshSocket, direction: "connect" },
  ];
  if (policy.mode === "filtered") {
    ports.push({ port: guestProxyPort, socket, direction: "listen" });
  }
  return {
    ...commonChanges(input, record),
    networks: policy.mode === "open" ? [{ kind: "nat", mac: input.mac }] : [],
    vsockPorts: ports,
    addShares: record.shares.map(({ tag, source, id }) => ({ tag, source, id })),
    ...(input.config.rosetta ? { rosetta: true } : {}),
  };
}
