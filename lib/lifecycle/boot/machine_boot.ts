import type { Project } from "../../config/config.ts";
import {
  type DetachedOptions,
  type DetachedProcess,
  spawnDetached,
} from "../../host/process/detached.ts";
import { ensurePrivateDirectory, writeTextAtomically } from "../../host/files/files.ts";
import { prepareRuntimeDirectories } from "../../host/root/runtime_directory.ts";
import type { Host, ProcessIdentity } from "../../host/host.ts";
import type { Emit } from "../../base/progress.ts";
import { projectKeys } from "../../guest/keys.ts";
import { makeProvisioningDisk } from "../../guest/provisioning.ts";
import { writeSshFiles } from "../../guest/ssh.ts";
import type { VmRecord } from "../../state/record.ts";
import { prepareDisks, removeDisks } from "../../state/kept.ts";
import type { SlotPlace } from "../../state/slots.ts";
import { statePaths, writeRecord } from "../../state/store.ts";
import { deathOf, startMaster } from "../machine/waiting.ts";
import { connectGuest } from "../machine/connect_guest.ts";
import { handOver } from "./finish_provisioning.ts";
import type { MachinePlan } from "./machine_plan.ts";
import { removeOlderParts, startMachineWatch } from "../machine/machine_watch.ts";
import { type GuestScript, runScripts } from "./scripts.ts";
import { noteStateVersion } from "../project/state_version.ts";
import type { Step } from "../machine/steps.ts";
import { type UndoName, undoStep } from "./teardown.ts";

/** What a boot is given. */
export interface Boot<P extends MachinePlan> {
  readonly host: Host;
  readonly place: SlotPlace;
  readonly project: Project;
  readonly plan: P;
  readonly scripts: readonly GuestScript[];
  readonly timeoutMs: number;
  /** Remove the machine's disks before its hypervisor starts. */
  readonly fresh: boolean;
  readonly signal: AbortSignal;
  readonly emit: Emit;
}

/** The steps of `up` that all machines have, and the record that they keep up to date. */
export abstract class MachineBoot<P extends MachinePlan> {
  #record: VmRecord;
  /** Aborts with the user's Ctrl-C, or when the hypervisor has died. */
  #signal: AbortSignal;

  constructor(protected readonly boot: Boot<P>) {
    this.#record = boot.plan.record;
    this.#signal = boot.signal;
  }

  abstract get steps(): readonly Step[];

  get record(): VmRecord {
    return this.#record;
  }

  protected get signal(): AbortSignal {
    return this.#signal;
  }

  protected get logs(): string {
    return statePaths(this.boot.host, this.#record.id).logs;
  }

  /** What the user has asked to run in the guest, and the word that all is done. */
  async finish(): Promise<void> {
    const { scripts, emit } = this.boot;
    await runScripts(this.#record, scripts, emit, this.#signal);
    this.#signal.throwIfAborted();
    await this.save({ state: "running" });
  }

  /** The undo sees the record as it is then, with every process that was started. */
  protected step(name: UndoName, run?: () => Promise<void>): Step {
    const { host, place } = this.boot;
    const undo = () => undoStep(host, place, this.#record, name);
    return { ...undo(), ...(run === undefined ? {} : { run }), undo: () => undo().undo() };
  }

  protected async save(change: Partial<VmRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeRecord(this.boot.host, this.#record);
  }

  /** Uses the record as something else has written it meanwhile. */
  protected take(record: VmRecord): void {
    this.#record = record;
  }

  protected async makeDirectories(): Promise<void> {
    const { host, plan } = this.boot;
    await prepareRuntimeDirectories(host);
    for (const directory of plan.directories) {
      await ensurePrivateDirectory(directory, host.user.uid);
    }
    await writeTextAtomically(`${this.#record.runtimeDirectory}/microvm-run`, plan.script, 0o700);
    await writeSshFiles(this.#record, projectKeys(this.boot.project.configDirectory));
  }

  protected async writeProvisioningDisk(): Promise<void> {
    const { host, plan, project } = this.boot;
    const keys = projectKeys(project.configDirectory);
    await makeProvisioningDisk(host, this.#record.secretsDirectory, plan.provisioning, keys);
  }

  /**
   * @param start Starts the hypervisor in its place.
   * @param started Told of the process before it is waited for.
   */
  protected async startVmm(
    start: (options: DetachedOptions) => Promise<DetachedProcess> = (options) =>
      spawnDetached(this.boot.host, this.boot.plan.vmm, options),
    started?: (vmm: ProcessIdentity) => Promise<void>,
  ): Promise<void> {
    const { host, plan, fresh } = this.boot;
    // As late as can be: what fails before leaves the disks as they are.
    if (fresh) await removeDisks(host, this.#record.id);
    const disks = await prepareDisks(host, this.#record.id);
    await noteStateVersion(host, this.#record, plan.stateVersion);
    const { logs } = statePaths(host, this.#record.id);
    const logFile = `${logs}/hypervisor.log`;
    await removeOlderParts(logs);
    await Deno.writeTextFile(`${logs}/console.log`, "", { mode: 0o600 });
    const { id } = this.#record;
    const process = await start({ logFile, cwd: disks, owner: id });
    await this.save({ vmm: process.identity });
    await this.save({ watch: await startMachineWatch(host, this.#record, process.identity) });
    await started?.(process.identity);
    const death = deathOf("the hypervisor", process, [logFile, `${logs}/console.log`]);
    this.#signal = AbortSignal.any([this.#signal, death]);
    const guest = await connectGuest(this.#record, { timeoutMs: 30_000, signal: this.#signal });
    guest.close();
  }

  protected async logIn(): Promise<void> {
    const { host, plan } = this.boot;
    const logFile = `${this.logs}/ssh.log`;
    const signal = this.#signal;
    await startMaster(host, this.#record, plan.ssh, { timeoutMs: 30_000, signal, logFile });
  }

  /** The steps once the hypervisor runs; what they leave goes with it. */
  protected handOverStep(): Step {
    return {
      name: "provision",
      run: () => handOver(this.#record, this.#signal),
      undo: async () => {},
    };
  }
}
