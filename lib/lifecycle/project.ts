import { findProject } from "../config/find.ts";
import type { Config, Project } from "../config/config.ts";
import { detectHost } from "../host/detect.ts";
import type { Host } from "../host/host.ts";
import { down, type DownOptions, type DownResult } from "./up/down.ts";
import type { Refusal } from "../network/rules/refusals.ts";
import { allowDomain, denyDomain, type NameChange } from "./network/change.ts";
import { type NetworkRefresh, refreshNetwork } from "./network/refresh.ts";
import { networkLog } from "./network/network_log.ts";
import { type NetworkStatus, networkStatus } from "./network/network_status.ts";
import { Operation } from "./machine/operation.ts";
import { readRecord } from "../state/store.ts";
import { type BootedMachine, bootedMachine } from "./booted_machine.ts";
import { summaryOf, type UpSummary } from "./up_summary.ts";
import { parseMountSpec } from "../share/mount_spec.ts";
import type { GuestCommandResult } from "../guest/session.ts";
import { copyFiles } from "./copy/copy.ts";
import { type MountOptions, mountShare } from "./shares/mount.ts";
import type { MountedShare } from "./shares/mounted_share.ts";
import { commandOutput, runCommand, writeGuestFile } from "./machine/run_in_machine.ts";
import { type SshAccess, sshAccess } from "./machine/ssh_access.ts";
import { type UnmountOptions, unmountShare } from "./shares/unmount.ts";
import { keepFromGuests } from "./protection/programs_of_guests.ts";
import { type MachineStatus, status as statusOn, type StatusReport } from "./machine/status.ts";
import { acceptContent, loadAcceptedConfig, type Review, reviewProject } from "./trust/consent.ts";
import { planUp, up, type UpOptions } from "./up/up.ts";

/** How {@linkcode ProjectHandle.run} runs a command. */
export interface RunInGuestOptions {
  /** Whether the guest gives it a terminal; `auto`: if this process has one. */
  readonly tty?: boolean | "auto";
  /** Where on the host the caller stands; the guest's directory follows from it. */
  readonly directory?: string;
}

/**
 * One project on this host, and what can be done with its machine. Methods that need a running one
 * throw a {@linkcode NixboxError} with exit code 3 where there is none.
 *
 * ```ts
 * import { openProject, printable, type ProjectHandle } from "nixbox";
 *
 * async function test(project: ProjectHandle): Promise<boolean> {
 *   await using _ = await project.up();
 *   const { code, stderr } = await project.output(["make", "test"]);
 *   if (code !== 0) console.error(printable(stderr));
 *   return code === 0;
 * }
 * Deno.exit(await test(await openProject(".")) ? 0 : 1);
 * ```
 */
export class ProjectHandle {
  readonly #host: Host;

  private constructor(
    host: Host,
    /** Where the project is. */
    readonly project: Project,
  ) {
    this.#host = host;
  }

  /** As {@linkcode openProject}. */
  static async open(directory: string): Promise<ProjectHandle> {
    const host = await detectHost();
    const project = await findProject(host, directory);
    await keepFromGuests(host, [project.directory]);
    return new ProjectHandle(host, project);
  }

  /**
   * The resolved and checked config.
   *
   * @throws {ConsentNeeded} if its content was not accepted on this host; {NixboxError} that names
   * what is wrong in it.
   */
  config(): Promise<Config> {
    return loadAcceptedConfig(this.#host, this.project);
  }

  /** What the project's content asks of this host, and whether it is accepted. Runs nothing of it. */
  async review(): Promise<Review> {
    return (await reviewProject(this.#host, this.project)).review;
  }

  /**
   * Accepts the project's content: what it asks for may be done on this host.
   *
   * @param hash Of the {@linkcode Review} that was looked at.
   * @throws {NixboxError} if the content is another by now.
   */
  accept(hash: string): Promise<void> {
    return acceptContent(this.#host, this.project, hash);
  }

  /**
   * Boots the machine, building it if needed. A failure, or `options.signal`, undoes everything.
   *
   * ```ts
   * import { openProject, printable } from "nixbox";
   *
   * const project = await openProject(".");
   * const work = project.up({ signal: AbortSignal.timeout(600_000) });
   * for await (const event of work) {
   *   if (event.kind === "warning") console.error(printable(event.message));
   * }
   * console.log((await work).name, "is up");
   * ```
   *
   * @throws {ConsentNeeded} if the project's content was not accepted on this host; {NixboxError} if
   * something lacks or fails.
   */
  up(options: UpOptions = {}): Operation<BootedMachine> {
    return new Operation(async (emit) =>
      bootedMachine(await up(this.#host, this.project, options, emit), {
        record: () => readRecord(this.#host, this.project.id),
        down: () => this.down(),
      })
    );
  }

  /**
   * What `up` would do. Nothing is started or changed.
   *
   * ```ts
   * import { openProject } from "nixbox";
   *
   * const { asRoot } = await (await openProject(".")).plan();
   * for (const argv of asRoot) console.log(argv.join(" "));
   * ```
   */
  plan(options: UpOptions = {}): Operation<UpSummary> {
    return new Operation(async (emit) =>
      summaryOf(await planUp(this.#host, this.project, options, emit))
    );
  }

  /** Stops the machine and cleans up after it; does nothing if there is none. */
  down(options: DownOptions = {}): Operation<DownResult> {
    return new Operation((emit) => down(this.#host, this.project.id, options, emit));
  }

  /**
   * Runs a command in the guest with this process's stdin, stdout and stderr; gives its exit code.
   * One word is a line of shell.
   */
  run(argv: readonly string[], options: RunInGuestOptions = {}): Promise<number> {
    const { directory, id } = this.project;
    const tty = options.tty === "auto"
      ? Deno.stdin.isTerminal() && Deno.stdout.isTerminal()
      : options.tty ?? false;
    return runCommand(this.#host, id, argv, { directory: options.directory ?? directory, tty });
  }

  /** Runs a command in the guest and takes its output; any exit code is an answer. */
  output(
    argv: readonly string[],
    options: { readonly stdin?: string } = {},
  ): Promise<GuestCommandResult> {
    return commandOutput(this.#host, this.project.id, argv, {
      directory: this.project.directory,
      ...options,
    });
  }

  /**
   * Writes a file of the guest, whole or not at all; what it says goes by standard input only.
   *
   * @param path Absolute, or `~/...`; directories on the way are made.
   */
  writeFile(path: string, text: string, options: { readonly mode?: number } = {}): Promise<void> {
    return writeGuestFile(this.#host, this.project.id, path, text, options.mode ?? 0o644);
  }

  /** Copies as `nixbox cp` does: `vm:PATH` is the guest's. */
  copy(sources: readonly string[], destination: string): Operation<void> {
    const { directory, id } = this.project;
    return new Operation((emit) =>
      copyFiles(this.#host, id, sources, destination, { directory }, emit)
    );
  }

  /** Shares a directory with the running machine; `spec` as on the command line. */
  mount(spec: string, options: Partial<MountOptions> = {}): Operation<MountedShare> {
    const { directory } = this.project;
    return new Operation((emit) =>
      mountShare(this.#host, this.project, parseMountSpec(spec), { directory, ...options }, emit)
    );
  }

  /** Takes a share away from the running machine, by where the guest has it. */
  unmount(target: string, options: UnmountOptions = {}): Operation<MountedShare> {
    return new Operation((emit) =>
      unmountShare(this.#host, this.project.id, target, options, emit)
    );
  }

  /** How any SSH client reaches the running machine. */
  ssh(): Promise<SshAccess> {
    return sshAccess(this.#host, this.project.id);
  }

  /** What the running machine was refused: names and addresses, with what would allow them. */
  networkLog(): Promise<readonly Refusal[]> {
    return networkLog(this.#host, this.project.id);
  }

  /** What the running machine may reach now. */
  networkStatus(): Promise<NetworkStatus> {
    return networkStatus(this.#host, this.project.id);
  }

  /** Lets the running machine reach a name and what is under it, until it goes down. */
  allowDomain(domain: string): Promise<NameChange> {
    return allowDomain(this.#host, this.project.id, domain);
  }

  /** Takes a name and what is under it away from the running machine. */
  denyDomain(domain: string): Promise<NameChange> {
    return denyDomain(this.#host, this.project.id, domain);
  }

  /** Puts the running machine's network right, after this host's has changed or lost its rules. */
  refreshNetwork(): Promise<NetworkRefresh> {
    return refreshNetwork(this.#host, this.project.id);
  }

  /** The machine as `nixbox status` tells it; `undefined` if there is none. */
  async status(): Promise<MachineStatus | undefined> {
    const { machines } = await statusOn(this.#host);
    return machines.find(({ id }) => id === this.project.id);
  }
}

/**
 * Opens the project that `directory` belongs to.
 *
 * ```ts
 * import { openProject } from "nixbox";
 *
 * const project = await openProject(".");
 * console.log(project.project.directory, (await project.config()).resources);
 * ```
 *
 * @throws {NixboxError} if neither it nor a directory above it has `.nixbox/config.nix`.
 */
export async function openProject(directory: string): Promise<ProjectHandle> {
  return await ProjectHandle.open(directory);
}

/**
 * All of this user's machines.
 *
 * ```ts
 * import { status } from "nixbox";
 *
 * for (const { name, state, project } of (await status()).machines) {
 *   console.log(name, state, project);
 * }
 * ```
 */
export async function status(): Promise<StatusReport> {
  return await statusOn(await detectHost());
}
