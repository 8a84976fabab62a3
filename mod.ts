/**
 * nixbox as a library: the functions that the command line calls.
 *
 * ```ts
 * import { openProject } from "./mod.ts";
 *
 * const project = await openProject(".");
 * const { record } = await project.up();
 * const code = await project.run(["make", "test"]);
 * await project.down();
 * ```
 *
 * @module
 */
export { openProject, ProjectHandle } from "./lib/lifecycle/project.ts";
export type { RunInGuestOptions } from "./lib/lifecycle/project.ts";
export type { GuestCommandResult } from "./lib/guest/session.ts";
export type { MountedShare } from "./lib/lifecycle/mounted_share.ts";
export type { MountOptions } from "./lib/lifecycle/mount.ts";
export type { UnmountOptions } from "./lib/lifecycle/unmount.ts";
export type { SshAccess } from "./lib/lifecycle/ssh_access.ts";
export type { MountMode } from "./lib/guest/provisioning.ts";
export type { ConfinementKind, GuestLink, OpenFiles } from "./lib/host/host.ts";
export { ConsentNeeded } from "./lib/lifecycle/trust/consent.ts";
export type { Review } from "./lib/lifecycle/trust/consent.ts";
export type { FileChange } from "./lib/lifecycle/trust/changes.ts";
export type { HostRequest, RequestKind } from "./lib/lifecycle/trust/requests.ts";
export { Operation } from "./lib/lifecycle/operation.ts";
export { NixboxError } from "./lib/host/error.ts";
export { CommandError } from "./lib/host/process.ts";
export { detectHost } from "./lib/host/detect.ts";
export { patchRunner, readRunner, writeRunner } from "./lib/runner/mod.ts";
export { status } from "./lib/lifecycle/status.ts";
export type { ErrorDetails, ExitCode } from "./lib/host/error.ts";
export type { Emit, ProgressEvent } from "./lib/host/progress.ts";
export type {
  Acceleration,
  Host,
  HostPaths,
  MemoryFacts,
  NixSystem,
  Privilege,
  ProcessIdentity,
  ProcessTable,
  UserFacts,
} from "./lib/host/host.ts";
export type {
  Config,
  EnvSource,
  EnvValue,
  HypervisorChoice,
  NetworkMode,
  Project,
} from "./lib/config/types.ts";
export { printable } from "./lib/host/printable.ts";
export type { Runner } from "./lib/runner/mod.ts";
export type { RunnerScript } from "./lib/runner/script.ts";
export type { ShellWord } from "./lib/runner/lexer.ts";
export type {
  HypervisorName,
  RunnerChanges,
  RunnerDisk,
  RunnerNetwork,
  RunnerShare,
  RunnerView,
  RunnerVsockPort,
} from "./lib/runner/types.ts";
export type { AnyPlan } from "./lib/lifecycle/engine.ts";
export type { MachinePlan } from "./lib/lifecycle/machine_plan.ts";
export type { Plan } from "./lib/lifecycle/plan.ts";
export type { ServerPlan } from "./lib/lifecycle/share_server.ts";
export type { VmmPlace } from "./lib/lifecycle/vmm_place.ts";
export type { ControlGroup, GroupManager } from "./lib/host/control_group.ts";
export type { InnerTools, Isolation, PrivateRoot } from "./lib/host/private_root.ts";
export type { ProxyPlan, VsockPlan } from "./lib/lifecycle/vsock_plan.ts";
export type { Provisioning } from "./lib/guest/provisioning.ts";
export type { HostNetwork } from "./lib/network/host_network.ts";
export type { NamespacePlan } from "./lib/network/linux.ts";
export type { SlotAddresses } from "./lib/network/addresses.ts";
export type { DnsmasqPaths } from "./lib/network/dnsmasq.ts";
export type { DnsmasqFiles } from "./lib/network/dnsmasq_process.ts";
export type { InspectorPaths } from "./lib/network/inspector.ts";
export type { InspectorFiles } from "./lib/network/inspector_process.ts";
export type { Refusal } from "./lib/network/refusals.ts";
export type { NameChange } from "./lib/lifecycle/network_change.ts";
export type { NetworkRefresh } from "./lib/lifecycle/network_refresh.ts";
export type { NetworkStatus } from "./lib/lifecycle/network_status.ts";
export type { NetworkPlan } from "./lib/network/plan.ts";
export type { NetworkPolicy } from "./lib/network/policy.ts";
export type { Watch } from "./lib/network/watch.ts";
export type { UpOptions, UpResult } from "./lib/lifecycle/up.ts";
export type { DownOptions, DownResult } from "./lib/lifecycle/down.ts";
export type { MachineState } from "./lib/lifecycle/machine.ts";
export type { ShellFunctions } from "./lib/host/shell_functions.ts";
export type { LackOfRoom, Pause } from "./lib/lifecycle/room.ts";
export type { MachineStatus, StatusReport } from "./lib/lifecycle/status.ts";
export type { Protection } from "./lib/share/covers.ts";
export type { ShareRecord, TapNetwork, VmRecord, VsockNetwork } from "./lib/state/record.ts";
export type { SlotPlace } from "./lib/state/slots.ts";
