import type { Places } from "./qemu.ts";

/** One QEMU, as Apple's framework would show it. */
export class VirtualMachine {
  isStopping = false;
  #qemu: Deno.ChildProcess | undefined;
  #hasEnded = false;
  #isPaused = false;

  constructor(private readonly places: Places) {}

  /** From now on the machine runs. */
  runIn(qemu: Deno.ChildProcess): void {
    this.#qemu = qemu;
    void qemu.status.then(() => this.#hasEnded = true);
  }

  get state(): string {
    if (this.#qemu === undefined || this.#hasEnded) return "VirtualMachineStateStopped";
    if (this.isStopping) return "VirtualMachineStateStopping";
    return this.#isPaused ? "VirtualMachineStatePaused" : "VirtualMachineStateRunning";
  }

  /** Whether the machine could be taken from the one state to the other. */
  async change(to: "Pause" | "Resume"): Promise<boolean> {
    const from = to === "Pause" ? "VirtualMachineStateRunning" : "VirtualMachineStatePaused";
    if (this.state !== from) return false;
    await this.#command(to === "Pause" ? "stop" : "cont");
    this.#isPaused = to === "Pause";
    return true;
  }

  /** The power button; the guest may ignore it. */
  async pressPowerButton(): Promise<void> {
    await this.#command("system_powerdown");
  }

  /** As vfkit does for SIGTERM: the power button, and after five seconds the end. */
  async requestStop(): Promise<void> {
    if (this.isStopping) return;
    this.isStopping = true;
    await this.pressPowerButton().catch(() => {});
    setTimeout(() => this.kill(), 5000);
  }

  kill(): void {
    this.isStopping = true;
    if (!this.#hasEnded) this.#qemu?.kill("SIGKILL");
  }

  /** QMP (QEMU, docs/interop/qmp-spec): greeting, capabilities, one command, its answer. */
  async #command(execute: string): Promise<void> {
    const connection = await Deno.connect({ transport: "unix", path: this.places.qmp });
    const lines = connection.readable.pipeThrough(new TextDecoderStream());
    const reader = lines.getReader();
    const writer = connection.writable.getWriter();
    await reader.read();
    for (const name of ["qmp_capabilities", execute]) {
      await writer.write(new TextEncoder().encode(`${JSON.stringify({ execute: name })}\n`));
      await reader.read();
    }
    connection.close();
  }
}
