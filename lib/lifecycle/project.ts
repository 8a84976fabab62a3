import { findProject } from "../config/find.ts";
import type { Config, Project } from "../config/types.ts";
import { detectHost } from "../host/detect.ts";
import type { Host } from "../host/host.ts";
import { down, type DownOptions, type DownResult } from "./down.ts";
import type { Refusal } from "../network/refusals.ts";
import { allowDomain, denyDomain, type NameChange } from "./network_change.ts";
import { networkLog } from "./network_log.ts";
import { type NetworkStatus, networkStatus } from "./network_status.ts";
import { Operation } from "./operation.ts";
import type { Plan } from "./plan.ts";
import { runCommand } from "./session.ts";
import { type MachineStatus, status } from "./status.ts";
import { loadTrustedConfig } from "./trust.ts";
import { planUp, up, type UpOptions, type UpResult } from "./up.ts";

/** One project on this host, and what can be done with its machine. */
export class ProjectHandle {
  /** Takes a host and a project on it; see {@linkcode openProject}. */
  constructor(
    readonly host: Host,
    readonly project: Project,
  ) {}

  /** The resolved and checked config. @throws {NixboxError} that names what is wrong in it. */
  config(): Promise<Config> {
    return loadTrustedConfig(this.host, this.project);
  }

  /** Boots the machine, building it if needed. A failure, or `options.signal`, undoes everything. */
  up(options: UpOptions = {}): Operation<UpResult> {
    return new Operation((emit) => up(this.host, this.project, options, emit));
  }

  /** What `up` would do. */
  plan(options: UpOptions = {}): Operation<Plan> {
    return new Operation((emit) => planUp(this.host, this.project, options, emit));
  }

  /** Stops the machine and removes every trace of it; does nothing if there is none. */
  down(options: DownOptions = {}): Operation<DownResult> {
    return new Operation((emit) => down(this.host, this.project.id, options, emit));
  }

  /**
   * Runs a command in the guest with this process's stdin, stdout and stderr; gives its exit code.
   * One word is a line of shell.
   */
  run(argv: readonly string[], options: { readonly tty?: boolean } = {}): Promise<number> {
    const { directory, id } = this.project;
    return runCommand(this.host, id, argv, { directory, tty: options.tty ?? false });
  }

  /** What the running machine was refused: names and addresses, with what would allow them. */
  networkLog(): Promise<readonly Refusal[]> {
    return networkLog(this.host, this.project.id);
  }

  /** What the running machine may reach now. */
  networkStatus(): Promise<NetworkStatus> {
    return networkStatus(this.host, this.project.id);
  }

  /** Lets the running machine reach a name and what is under it, until it goes down. */
  allowDomain(domain: string): Promise<NameChange> {
    return allowDomain(this.host, this.project.id, domain);
  }

  /** Takes a name and what is under it away from the running machine. */
  denyDomain(domain: string): Promise<NameChange> {
    return denyDomain(this.host, this.project.id, domain);
  }

  /** The machine as `nixbox status` tells it; `undefined` if there is none. */
  async status(): Promise<MachineStatus | undefined> {
    const { machines } = await status(this.host);
    return machines.find(({ id }) => id === this.project.id);
  }
}

/**
 * Opens the project that `directory` belongs to.
 *
 * @throws {NixboxError} if neither it nor a directory above it has `.nixbox/config.nix`.
 */
export async function openProject(directory: string, host?: Host): Promise<ProjectHandle> {
  const here = host ?? await detectHost();
  return new ProjectHandle(here, await findProject(here, directory));
}
