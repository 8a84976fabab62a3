import { detectHost } from "../../../lib/host/detect.ts";
import type { Host, ProcessIdentity } from "../../../lib/host/host.ts";
import type { SlotPlace } from "../../../lib/state/slots.ts";

/** A place of slots in a directory of one test's own, as root makes it for a host. */
export class SlotsForTest implements SlotPlace {
  private constructor(readonly directory: string, readonly host: Host) {}

  static async make(): Promise<SlotsForTest> {
    const directory = await Deno.makeTempDir({ prefix: "nixbox-slots-" });
    const place = new SlotsForTest(directory, await detectHost());
    await Deno.chmod(directory, 0o755);
    await Deno.mkdir(`${directory}/slots`, { mode: 0o755 });
    await Deno.writeTextFile(`${directory}/slots.lock`, "", { mode: 0o600 });
    return place;
  }

  file(slot: number): string {
    return `${this.directory}/slots/${slot}`;
  }

  async self(): Promise<ProcessIdentity> {
    const self = await this.host.processes.identify(Deno.pid);
    if (typeof self !== "object") throw new Error("this process is not in the process table");
    return self;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}
