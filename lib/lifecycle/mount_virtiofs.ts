import { NixboxError } from "../host/error.ts";
import { mountCommand, unmountCommand } from "../guest/share_commands.ts";
import { mountModeOf } from "../guest/provisioning.ts";
import { connectGuest } from "./driver.ts";
import { Mounting } from "./mounting.ts";
import { chooseIsolation } from "./requirements.ts";
import { shareArgv, startServer } from "./share_server.ts";
import type { Step } from "./steps.ts";

/** A share that comes as a device: virtiofsd, the hypervisor's hot-plug, the guest's mount. */
export class VirtiofsMounting extends Mounting {
  async steps(): Promise<readonly Step[]> {
    const { isolation } = await chooseIsolation(this.host);
    const virtiofsd = await this.host.which("virtiofsd") ?? "virtiofsd";
    const { raise: raiseOpenFiles } = await this.host.openFiles();
    const facts = { isolation, tools: { virtiofsd }, raiseOpenFiles };
    const argv = shareArgv(this.host, this.share, facts);
    return [
      this.recordStep,
      // Its undo is the record's, which ends what the share's server is.
      { name: "start virtiofsd", run: () => this.#serve(argv), undo: async () => {} },
      { name: "plug in the share", run: () => this.#plug(), undo: () => this.#unplug() },
      { name: "mount it in the guest", run: () => this.#mount(), undo: () => this.#unmount() },
    ];
  }

  async #serve(argv: readonly string[]): Promise<void> {
    const { host, record, share, signal } = this;
    const { process, isReady } = await startServer(host, record.id, share, argv, signal);
    await this.addServer(process.identity);
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

  async #mount(): Promise<void> {
    const { tag, target } = this.share;
    await this.inGuest(mountCommand(tag, target, mountModeOf(this.share)));
  }

  async #unmount(): Promise<void> {
    const never = new AbortController().signal;
    await this.inGuest(unmountCommand(this.share.target, { force: true }), never).catch(() => {});
  }
}

function noHotPlug(): NixboxError {
  return new NixboxError("this machine's hypervisor takes no devices while it runs", {
    hint: "share it over SSH: `nixbox mount SPEC --via sshfs`",
  });
}
