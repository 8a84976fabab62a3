/**
 * nixbox as a library: what the command line does, for programs.
 *
 * It is imported by its path from any directory, by the name `nixbox` in plugins' commands, and from
 * an address; what was imported from an address needs a copy on this disk for building and booting
 * (`NIXBOX_ASSETS`), and says so.
 *
 * ```ts
 * import { openProject } from "nixbox";
 *
 * const project = await openProject(".");
 * await project.up();
 * const code = await project.run(["make", "test"]);
 * await project.down();
 * Deno.exit(code);
 * ```
 *
 * @module
 */
export { openProject, ProjectHandle, status } from "./lib/lifecycle/project.ts";
export { Operation } from "./lib/lifecycle/machine/operation.ts";
export { NixboxError } from "./lib/base/error.ts";
export { CommandError } from "./lib/host/process/run.ts";
export { ConsentNeeded } from "./lib/lifecycle/trust/consent.ts";
export { printable } from "./lib/base/printable.ts";

// What goes into these, and what comes out.
export type { RunInGuestOptions } from "./lib/lifecycle/project.ts";
export type { BootedMachine } from "./lib/lifecycle/booted_machine.ts";
export type { UpSummary } from "./lib/lifecycle/up_summary.ts";
export type { UpOptions } from "./lib/lifecycle/up/up.ts";
export type { DownOptions, DownResult } from "./lib/lifecycle/up/down.ts";
export type { GuestCommandResult } from "./lib/guest/session.ts";
export type { MountedShare } from "./lib/lifecycle/shares/mounted_share.ts";
export type { MountOptions } from "./lib/lifecycle/shares/mount.ts";
export type { UnmountOptions } from "./lib/lifecycle/shares/unmount.ts";
export type { SshAccess } from "./lib/lifecycle/machine/ssh_access.ts";
export type { MachineState } from "./lib/lifecycle/machine/machine.ts";
export type { LackOfRoom, Pause } from "./lib/lifecycle/machine/room.ts";
export type { MachineStatus, StatusReport } from "./lib/lifecycle/machine/status.ts";
export type { Review } from "./lib/lifecycle/trust/consent.ts";
export type { FileChange } from "./lib/lifecycle/trust/changes.ts";
export type { HostRequest, RequestKind } from "./lib/lifecycle/trust/requests.ts";
export type { ErrorDetails, ExitCode } from "./lib/base/error.ts";
export type { Emit, ProgressEvent } from "./lib/base/progress.ts";
export type {
  Config,
  EnvSource,
  EnvValue,
  HypervisorChoice,
  NetworkMode,
  Project,
} from "./lib/config/config.ts";
export type { HypervisorName } from "./lib/runner/view.ts";
export type { Refusal } from "./lib/network/rules/refusals.ts";
export type { NetworkPolicy } from "./lib/network/policy/policy.ts";
export type { NameChange } from "./lib/lifecycle/network/change.ts";
export type { NetworkRefresh } from "./lib/lifecycle/network/refresh.ts";
export type { NetworkStatus } from "./lib/lifecycle/network/network_status.ts";
