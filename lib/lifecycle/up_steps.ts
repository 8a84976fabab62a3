import type { Project } from "../config/types.ts";
import { spawnDetached } from "../host/detached.ts";
import { NixboxError } from "../host/error.ts";
import { ensurePrivateDirectory, writeTextAtomically } from "../host/files.ts";
import type { Host } from "../host/host.ts";
import type { Emit } from "../host/progress.ts";
import { projectKeys } from "../guest/keys.ts";
import { makeProvisioningDisk } from "../guest/provisioning.ts";
import { writeSshFiles } from "../guest/ssh.ts";
import { passDocker } from "../network/docker.ts";
import { createTap, enableForwarding, loadFirewall } from "../network/linux.ts";
import { startServices } from "../network/services.ts";
import type { VmRecord } from "../state/record.ts";
import { claimOf, lockSlots, type SlotPlace, writeSlotOwner } from "../state/slots.ts";
import { statePaths, writeRecord } from "../state/store.ts";
import { deathOf, startMaster, waitForPort } from "./boot.ts";
import { connectGuest } from "./driver.ts";
import { noteExposure } from "./exposure.ts";
import { handOver } from "./hand_over.ts";
import type { Plan } from "./plan.ts";
import { type GuestScript, runScripts } from "./scripts.ts";
import { startServer } from "./share_server.ts";
import type { Step } from "./steps.ts";
import { forwardingMemory, type UndoName, undoSteps } from "./takedown.ts";

export interface Boot {
  readonly host: Host;
  readonly place: SlotPlace;
  readonly project: Project;
  readonly plan: Plan;
  readonly scripts: readonly GuestScript[];
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
  readonly emit: Emit;
}

/** The steps that carry out a plan on Linux, and the record that they keep up to date. */
export class LinuxBoot {
  #record: VmRecord;
  /** Aborts with the user's Ctrl-C, or when the hypervisor has died. */
  #signal: AbortSignal;

  constructor(private readonly boot: Boot) {
    this.#record = boot.plan.record;
    this.#signal = boot.signal;
  }

  get record(): VmRecord {
    return this.#record;
  }

  get steps(): readonly Step[] {
    const { host, plan } = this.boot;
    return [
      this.#step("record", () => this.#save({})),
      // Claimed before there was a plan; here for its undo.
      this.#step("slot", () => Promise.resolve()),
      this.#step("directories", () => this.#makeDirectories()),
      this.#step("firewall", () => loadFirewall(host, plan.network.firewall)),
      this.#step("tap", () => createTap(host, plan.network.tap)),
      this.#step("forwarding", () => this.#startForwarding()),
      this.#step("services", () => startServices(host, plan.network)),
      this.#step("virtiofsd", () => this.#startShares()),
      this.#step("provisioning", () => this.#writeProvisioningDisk()),
      this.#step("vmm", () => this.#startVmm()),
      { name: "boot the guest", run: () => this.#waitForGuest(), undo: async () => {} },
      this.#step("ssh", () => this.#logIn()),
      { name: "provision", run: () => handOver(this.#record, this.#signal), undo: async () => {} },
    ];
  }

  /** What the user has asked to run in the guest, and the word that all is done. */
  async finish(): Promise<void> {
    const { scripts, emit } = this.boot;
    await runScripts(this.#record, scripts, emit, this.#signal);
    this.#signal.throwIfAborted();
    await this.#save({ state: "running" });
  }

  /** The undo sees the record as it is then, with every process that was started. */
  #step(name: UndoName, run: () => Promise<void>): Step {
    const { host, place } = this.boot;
    const undo = () => undoSteps(host, place, this.#record)[name].undo();
    return { name: undoSteps(host, place, this.#record)[name].name, run, undo };
  }

  async #save(change: Partial<VmRecord>): Promise<void> {
    this.#record = { ...this.#record, ...change };
    await writeRecord(this.boot.host, this.#record);
  }

  async #makeDirectories(): Promise<void> {
    const { host, plan } = this.boot;
    for (const directory of [host.paths.runtime, host.paths.secrets, ...plan.directories]) {
      await ensurePrivateDirectory(directory, host.user.uid);
    }
    await writeTextAtomically(`${this.#record.runtimeDirectory}/microvm-run`, plan.script, 0o700);
    await writeSshFiles(this.#record, projectKeys(this.boot.project.configDirectory));
  }

  async #startForwarding(): Promise<void> {
    const { host, place, plan } = this.boot;
    if (!plan.network.forwards) return;
    const lock = await lockSlots(place, this.#signal);
    try {
      await enableForwarding(host, forwardingMemory(place));
    } finally {
      lock.release();
    }
    await passDocker(host, plan.network.device);
  }

  async #startShares(): Promise<void> {
    const { host, plan } = this.boot;
    await noteExposure(host, this.#record, this.#record.shares);
    const waiting: (() => Promise<void>)[] = [];
    for (const { id, argv } of plan.virtiofsd) {
      const share = this.#record.shares.find((candidate) => candidate.id === id);
      if (share === undefined) throw new NixboxError(`the plan has no share ${id}`);
      const started = await startServer(host, this.#record.id, share, argv, this.#signal);
      await this.#save({
        servers: [...this.#record.servers, { id, process: started.process.identity }],
      });
      waiting.push(started.isReady);
    }
    await Promise.all(waiting.map((isReady) => isReady()));
  }

  async #writeProvisioningDisk(): Promise<void> {
    const { host, plan, project } = this.boot;
    const keys = projectKeys(project.configDirectory);
    await makeProvisioningDisk(host, this.#record.secretsDirectory, plan.provisioning, keys);
  }

  async #startVmm(): Promise<void> {
    const { host, place, plan } = this.boot;
    const { directory, logs } = statePaths(host, this.#record.id);
    const logFile = `${logs}/hypervisor.log`;
    await Deno.writeTextFile(`${logs}/console.log`, "", { mode: 0o600 });
    const { id, memoryMB, network } = this.#record;
    const process = await spawnDetached(host, plan.vmm, { logFile, cwd: directory, owner: id });
    await this.#save({ vmm: process.identity });
    await writeSlotOwner(place, network.slot, claimOf(host, id, process.identity, memoryMB));
    const death = deathOf("the hypervisor", process, [logFile, `${logs}/console.log`]);
    this.#signal = AbortSignal.any([this.#signal, death]);
    const guest = await connectGuest(this.#record, { timeoutMs: 30_000, signal: this.#signal });
    guest.close();
  }

  async #waitForGuest(): Promise<void> {
    const { host, place, timeoutMs } = this.boot;
    const consoleLog = `${statePaths(host, this.#record.id).logs}/console.log`;
    const signal = this.#signal;
    await waitForPort(place, this.#record, { timeoutMs, signal, consoleLog });
  }

  async #logIn(): Promise<void> {
    const { host, plan } = this.boot;
    const logFile = `${statePaths(host, this.#record.id).logs}/ssh.log`;
    const signal = this.#signal;
    await startMaster(host, this.#record, plan.ssh, { timeoutMs: 30_000, signal, logFile });
  }
}
