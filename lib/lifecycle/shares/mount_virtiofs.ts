import { joinGroupOf } from "../../host/confinement/control_group.ts";
import { NixboxError } from "../../base/error.ts";
import { mountCommand } from "../../guest/share_commands.ts";
import { mountModeOf } from "../../guest/provisioning.ts";
import { connectGuest } from "../machine/connect_guest.ts";
import { Mounting } from "./mounting.ts";
import { serverFacts } from "./server_facts.ts";
import { type ServerPlan, serverPlan, startServer } from "./share_server.ts";
import type { Step } from "../machine/steps.ts";

/** A share that comes as a device: virtiofsd, the hypervisor's hot-plug, the guest's mount. */
export class VirtiofsMounting extends Mounting {
  async steps(): Promise<readonly Step[]> {
    const plan = serverPlan(this.host, this.share, await serverFacts(this.host));
    return [
      this.recordStep,
      { name: "share the directory", run: () => this.#share(plan), undo: () => this.#unshare() },
    ];
  }

  /** The guest waits for its device, so that its part takes no extra time. */
  async #share(plan: ServerPlan): Promise<void> {
    const { tag, target } = this.share;
    const failed = new AbortController();
    const signal = AbortSignal.any([this.signal, failed.signal]);
    const mounting = this.inGuest(mountCommand(tag, target, mountModeOf(this.share)), signal);
    mounting.catch(() => {});
    try {
      await this.#serve(plan);
      await this.#plug();
      await mounting;
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  }

  /** Whatever of it there is. The server ends with the record. */
  async #unshare(): Promise<void> {
    await this.unmountInGuest();
    await this.#unplug();
  }

  async #serve(plan: ServerPlan): Promise<void> {
    const { host, record, share, signal } = this;
    await this.prepare();
    const { process, isReady } = await startServer(host, record.id, share, plan, signal);
    await this.addServer(process.identity);
    await joinGroupOf(host, record.vmm, process.identity);
    await isReady();
  }

  async #plug(): Promise<void> {
    const guest = await connectGuest(this.record, { timeoutMs: 10_000, signal: this.signal });
    try {
      if (guest.hotPlug === undefined) throw noHotPlug();
      const { id, tag, socket } = this.share;
      await guest.hotPlug.addShare({ id, tag, socket });
    } finally {
      guest.close();
    }
  }

  async #unplug(): Promise<void> {
    const guest = await connectGuest(this.record, { timeoutMs: 10_000 });
    try {
      await guest.hotPlug?.removeDevice(this.share.id);
    } catch {
      // It never came, or the guest holds it: without its virtiofsd it is of no use.
    } finally {
      guest.close();
    }
  }
}

function noHotPlug(): NixboxError {
  return new NixboxError("this machine's hypervisor takes no devices while it runs", {
    hint: "share it over SSH: `nixbox mount SPEC --via sshfs`",
  });
}
