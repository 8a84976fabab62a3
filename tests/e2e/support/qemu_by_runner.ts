import type { HotPlug, RunningGuest } from "../../../lib/hypervisor/driver.ts";
import { qemuDriver } from "../../../lib/hypervisor/qemu.ts";
import { waitFor } from "../../../lib/base/wait.ts";
import {
  patchRunner,
  readRunner,
  type RunnerChanges,
  writeRunner,
} from "../../../lib/runner/mod.ts";

/** The lab's guest under its runner, patched and driven by nixbox's own rooms, without a network. */
export class QemuByRunner implements AsyncDisposable {
  private constructor(
    readonly directory: string,
    readonly process: Deno.ChildProcess,
    readonly guest: RunningGuest,
  ) {}

  static async start(changes: RunnerChanges = {}): Promise<QemuByRunner> {
    const directory = await Deno.makeTempDir({ dir: "/dev/shm" });
    const runner = readRunner(await Deno.readTextFile("/lab/runner/bin/microvm-run"));
    const apiSocket = `${directory}/a,b.sock`;
    const script = writeRunner(patchRunner(runner, {
      cpus: 2,
      memoryMB: 512,
      networks: [],
      vsockCid: null,
      acceleration: "tcg",
      apiSocket,
      consoleLog: `${directory}/console log`,
      kernelParams: ["loglevel=7"],
      ...changes,
    }));
    await Deno.writeTextFile(`${directory}/microvm-run`, script);
    const process = new Deno.Command("bash", {
      args: [`${directory}/microvm-run`],
      cwd: directory,
      stdin: "null",
      stdout: "null",
    }).spawn();
    const guest = await qemuDriver.connect(apiSocket, { timeoutMs: 30_000 });
    return new QemuByRunner(directory, process, guest);
  }

  get hotPlug(): HotPlug {
    if (this.guest.hotPlug === undefined) throw new Error("no hot-plug");
    return this.guest.hotPlug;
  }

  /** Makes a file of 1 MiB for a disk. */
  async makeDisk(name: string): Promise<string> {
    const path = `${this.directory}/${name}`;
    await Deno.writeFile(path, new Uint8Array(1024 * 1024));
    return path;
  }

  /** Waits until the guest's kernel or init has said so many things of a kind on the console. */
  async untilConsoleSays(pattern: RegExp, count = 1): Promise<void> {
    const all = new RegExp(pattern, "g");
    const read = () => Deno.readTextFile(`${this.directory}/console log`);
    const found = await waitFor(
      async () => ((await read()).match(all)?.length ?? 0) >= count ? true : undefined,
      { timeoutMs: 60_000 },
    );
    if (found === undefined) throw new Error(`no ${pattern} on the console:\n${await read()}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.guest.close();
    try {
      this.process.kill("SIGKILL");
    } catch {
      // It has ended by itself.
    }
    await this.process.status;
    await Deno.remove(this.directory, { recursive: true });
  }
}
