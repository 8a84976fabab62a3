import type { Places } from "./qemu.ts";

/** One QEMU, as Apple's framework would show it. */
export class VirtualMachine {
  isStopping = false;
  #qemu: Deno.ChildProcess | undefined;
  #hasEnded = false;

  constructor(private readonly places: Places) {}

  /** From now on the machine runs. */
  runIn(qemu: Deno.ChildProcess): void {
    this.#qemu = qemu;
    void qemu.status.then(() => this.#hasEnded = true);
  }

  get state(): string {
    if (this.#qemu === undefined || this.#hasEnded) return "VirtualMachineStateStopped";
    return this.isStopping ? "VirtualMachineStateStopping" : "VirtualMachineStateRunning";
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
