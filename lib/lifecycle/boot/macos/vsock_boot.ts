import { NixboxError } from "../../../base/error.ts";
import { lastLines } from "../../../host/process/run.ts";
import { environmentText } from "../../../guest/provisioning.ts";
import { runInGuest } from "../../../guest/session.ts";
import { environmentCommand } from "../../../guest/share_commands.ts";
import { removeIfExists } from "../../../host/files/files.ts";
import { waitForSsh } from "./vsock_wait.ts";
import { noteObeyed } from "../../protection/obeyed_changes.ts";
import { MachineBoot } from "../machine_boot.ts";
import { SshfsMounting } from "../../shares/mount_sshfs.ts";
import { startProxy } from "../../network/proxy_process.ts";
import type { Step } from "../../machine/steps.ts";
import { hasTarget, hasVsock, type VsockRecord } from "../../../state/record.ts";
import { explainVfkit } from "./vfkit_hints.ts";
import type { VsockPlan } from "./vsock_plan.ts";

/** The steps that carry out a plan where the guest is reached over vsock alone. */
export class VsockBoot extends MachineBoot<VsockPlan> {
  get steps(): readonly Step[] {
    const { plan } = this.boot;
    return [
      this.step("record", () => this.save({})),
      this.step("directories", () => this.makeDirectories()),
      // Listens before there is a guest that could ask.
      ...(plan.proxy === undefined ? [] : [this.step("services", () => this.#startProxy())]),
      this.step("shares", () => this.#noteShares()),
      this.step("provisioning", () => this.writeProvisioningDisk()),
      this.step("vmm", () => this.#startVmm()),
      { name: "boot the guest", run: () => this.#waitForGuest(), undo: async () => {} },
      this.step("ssh", () => this.logIn()),
      {
        name: "hand over the environment",
        run: () => this.#sendEnvironment(),
        undo: async () => {},
      },
      this.handOverStep(),
      ...(plan.overSsh.length === 0 ? [] : [this.#shareOverSshStep()]),
    ];
  }

  get #vsockRecord(): VsockRecord {
    const { record } = this;
    if (hasVsock(record)) return record;
    throw new TypeError("a machine on a tap has another boot");
  }

  async #startProxy(): Promise<void> {
    const { host, plan } = this.boot;
    if (plan.proxy === undefined) return;
    const record = this.#vsockRecord;
    const { process, isReady } = await startProxy(host, record, plan.proxy, this.signal);
    await this.save({ servers: [...record.servers, { id: "proxy", process: process.identity }] });
    await isReady();
  }

  async #noteShares(): Promise<void> {
    const { host } = this.boot;
    for (const share of this.record.shares) await noteObeyed(host, this.record.id, share);
  }

  /** vfkit does not take a socket's path that is there already. */
  async #startVmm(): Promise<void> {
    const { apiSocket, network } = this.#vsockRecord;
    for (const path of [apiSocket, network.sshSocket]) await removeIfExists(path);
    try {
      await this.startVmm();
    } catch (error) {
      throw explainVfkit(error);
    }
  }

  async #waitForGuest(): Promise<void> {
    const { timeoutMs } = this.boot;
    const { signal } = this;
    const consoleLog = `${this.logs}/console.log`;
    await waitForSsh(this.#vsockRecord, { timeoutMs, signal, consoleLog });
  }

  async #sendEnvironment(): Promise<void> {
    const { code, stderr } = await runInGuest(this.record.runtimeDirectory, environmentCommand(), {
      stdin: environmentText(this.boot.plan.environment),
      timeoutMs: 30_000,
      signal: this.signal,
    });
    if (code === 0) return;
    throw new NixboxError("the guest did not take its environment", {
      hint: "was the machine built by an older nixbox? `nixbox build -f`, then `nixbox up`",
      log: lastLines(stderr, 8),
    });
  }

  /** Each with what it needs for its undo in the record, as `nixbox mount` does it. */
  #shareOverSshStep(): Step {
    const { host, plan } = this.boot;
    return {
      name: "share directories over SSH",
      run: async () => {
        for (const share of plan.overSsh.filter(hasTarget)) {
          const mounting = new SshfsMounting(host, this.record, share, this.signal);
          for (const step of await mounting.steps()) {
            this.signal.throwIfAborted();
            await step.run?.().finally(() => this.take(mounting.record));
          }
          await mounting.finish();
          this.take(mounting.record);
        }
      },
      // The servers are in the record, and end with the shares.
      undo: async () => {},
    };
  }
}
