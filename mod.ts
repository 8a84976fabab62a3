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
export type { MountedShare } from "./lib/lifecycle/shares/mounted_share.ts";
export type { MountOptions } from "./lib/lifecycle/shares/mount.ts";
export type { UnmountOptions } from "./lib/lifecycle/shares/unmount.ts";
export type { SshAccess } from "./lib/lifecycle/machine/ssh_access.ts";
export type { MountMode } from "./lib/guest/provisioning.ts";
export type { ConfinementKind, GuestLink, OpenFiles } from "./lib/host/host.ts";
export { ConsentNeeded } from "./lib/lifecycle/trust/consent.ts";
export type { Review } from "./lib/lifecycle/trust/consent.ts";
export type { FileChange } from "./lib/lifecycle/trust/changes.ts";
export type { HostRequest, RequestKind } from "./lib/lifecycle/trust/requests.ts";
export { Operation } from "./lib/lifecycle/machine/operation.ts";
export { NixboxError } from "./lib/base/error.ts";
export { CommandError } from "./lib/host/process/run.ts";
export { detectHost } from "./lib/host/detect.ts";
export { patchRunner, readRunner, writeRunner } from "./lib/runner/mod.ts";
export { status } from "./lib/lifecycle/machine/status.ts";
export type { ErrorDetails, ExitCode } from "./lib/base/error.ts";
export type { Emit, ProgressEvent } from "./lib/base/progress.ts";
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
} from "./lib/config/config.ts";
export { printable } from "./lib/base/printable.ts";
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
} from "./lib/runner/view.ts";
export type { AnyPlan } from "./lib/lifecycle/up/engine.ts";
export type { MachinePlan } from "./lib/lifecycle/boot/machine_plan.ts";
export type { Plan } from "./lib/lifecycle/boot/linux/tap_plan.ts";
export type { ServerPlan } from "./lib/lifecycle/shares/share_server.ts";
export type { VmmPlace } from "./lib/lifecycle/boot/linux/vmm_place.ts";
export type { ControlGroup, GroupManager } from "./lib/host/confinement/control_group.ts";
export type { InnerTools, Isolation, PrivateRoot } from "./lib/host/confinement/private_root.ts";
export type { ProxyPlan, VsockPlan } from "./lib/lifecycle/boot/macos/vsock_plan.ts";
export type { Provisioning } from "./lib/guest/provisioning.ts";
export type { HostNetwork } from "./lib/network/host_network.ts";
export type { NamespacePlan } from "./lib/network/join.ts";
export type { SlotAddresses } from "./lib/network/policy/addresses.ts";
export type { DnsmasqPaths } from "./lib/network/dns/dnsmasq.ts";
export type { DnsmasqFiles } from "./lib/network/dns/dnsmasq_process.ts";
export type { InspectorPaths } from "./lib/network/inspector/inspector.ts";
export type { InspectorFiles } from "./lib/network/inspector/inspector_process.ts";
export type { Refusal } from "./lib/network/rules/refusals.ts";
export type { NameChange } from "./lib/lifecycle/network/change.ts";
export type { NetworkRefresh } from "./lib/lifecycle/network/refresh.ts";
export type { NetworkStatus } from "./lib/lifecycle/network/network_status.ts";
export type { NetworkPlan } from "./lib/network/network_plan.ts";
export type { NetworkPolicy } from "./lib/network/policy/policy.ts";
export type { Watch } from "./lib/network/watch.ts";
export type { UpOptions, UpResult } from "./lib/lifecycle/up/up.ts";
export type { DownOptions, DownResult } from "./lib/lifecycle/up/down.ts";
export type { MachineState } from "./lib/lifecycle/machine/machine.ts";
export type { ShellFunctions } from "./lib/host/shell_functions.ts";
export type { LackOfRoom, Pause } from "./lib/lifecycle/machine/room.ts";
export type { MachineStatus, StatusReport } from "./lib/lifecycle/machine/status.ts";
export type { Protection } from "./lib/share/covers.ts";
export type { ShareRecord, TapNetwork, VmRecord, VsockNetwork } from "./lib/state/record.ts";
export type { SlotPlace } from "./lib/state/slots.ts";
