import type { ProgressEvent } from "../../../lib/base/progress.ts";

/**
 * What happens at an act.
 *
 * - `fail`: it is refused, or its program ends with an error, and nothing is done.
 * - `half`: it is done, and ends with an error all the same.
 * - `SIGINT`: Ctrl-C, which the program gets too, and dies of; a file is written once nixbox heard it.
 * - `SIGTERM`: nixbox alone gets that, and the act goes on.
 * - `SIGKILL`: nixbox is gone before the act.
 * - `cut`: nixbox is gone in its midst: half a file is written, a program goes on without its input.
 */
export const faults = ["fail", "half", "SIGINT", "SIGTERM", "SIGKILL", "cut"] as const;

const RealCommand = Deno.Command;
const { writeTextFile: writeText } = Deno;

const broken = "cat >/dev/null; echo broken on purpose >&2; exit 1";

function killHypervisor(): void {
  new RealCommand("pkill", { args: ["-KILL", "-f", "microvm@|qemu-system"] }).outputSync();
}

function die(): void {
  Deno.kill(Deno.pid, "SIGKILL");
}

/** The acts of one run, by the steps that are told; wraps what of Deno changes this host. */
export class Acts {
  #step = "";
  #count = 0;
  readonly #trace = Deno.env.get("NIXBOX_ACTS");
  /** A step that is not to come to its end: `up` is stopped there, if the fault did not do that. */
  readonly #last = Deno.env.get("NIXBOX_LAST_STEP");
  readonly #at: string;
  readonly #fault: string;
  readonly #heard = Promise.withResolvers<void>();

  constructor() {
    const [at = "", fault = ""] = (Deno.env.get("NIXBOX_FAULT") ?? "").split("=");
    this.#at = at;
    this.#fault = fault;
    for (const signal of ["SIGINT", "SIGTERM"] as const) {
      Deno.addSignalListener(signal, () => this.#heard.resolve());
    }
    this.#wrapFiles();
    this.#wrapPrograms();
  }

  /** Told of a step as it begins and ends. */
  heed(event: ProgressEvent): void {
    if (event.kind === "step-started") this.#begin(event.step);
    if (event.kind === "step-finished") this.#enter(`after ${event.step}`);
    if (event.kind === "step-failed") this.#enter("undo");
  }

  /** The beginning of a step counts as an act: one that only waits, for the guest, has no other. */
  #begin(step: string): void {
    this.#enter(step);
    this.#count = -1;
    const fault = this.#next("begin");
    if (fault === "cut") die();
    if (fault === "fail" || fault === "half") killHypervisor();
    if (step === this.#last) Deno.kill(Deno.pid, "SIGINT");
  }

  #enter(step: string): void {
    this.#step = step;
    this.#count = 0;
  }

  /** Names an act; gives what is to happen at it. */
  #next(what: string): string | undefined {
    const name = `${this.#step} ${++this.#count}`;
    if (this.#trace !== undefined) {
      Deno.writeTextFileSync(this.#trace, `${name}\t${what}\n`, { append: true });
    }
    if (name !== this.#at) return undefined;
    console.error(`fault: ${this.#fault} at ${name}: ${what}`);
    if (this.#fault === "SIGKILL") die();
    if (this.#fault === "SIGINT" || this.#fault === "SIGTERM") Deno.kill(Deno.pid, this.#fault);
    return this.#fault;
  }

  async #file<T>(what: string, act: () => Promise<T>): Promise<T> {
    const fault = this.#next(what);
    if (fault === "fail") throw new Deno.errors.PermissionDenied(`${what}: broken on purpose`);
    if (fault === "cut" && what.startsWith("write ")) {
      await writeText(what.slice("write ".length), "{");
    }
    if (fault === "cut") die();
    // Once nixbox has heard of it, it goes on with what it is about.
    if (fault === "SIGINT" || fault === "SIGTERM") await this.#heard.promise;
    const value = await act();
    if (fault === "half") throw new Deno.errors.PermissionDenied(`${what}: broken on purpose`);
    return value;
  }

  #wrapFiles(): void {
    const { mkdir, writeTextFile, writeFile, rename, remove, symlink, chmod, copyFile } = Deno;
    Object.assign(Deno, {
      mkdir: (...a: Parameters<typeof mkdir>) => this.#file(`mkdir ${a[0]}`, () => mkdir(...a)),
      writeTextFile: (...a: Parameters<typeof writeTextFile>) =>
        this.#file(`write ${a[0]}`, () => writeTextFile(...a)),
      writeFile: (...a: Parameters<typeof writeFile>) =>
        this.#file(`write ${a[0]}`, () => writeFile(...a)),
      rename: (...a: Parameters<typeof rename>) => this.#file(`rename ${a[1]}`, () => rename(...a)),
      remove: (...a: Parameters<typeof remove>) => this.#file(`remove ${a[0]}`, () => remove(...a)),
      symlink: (...a: Parameters<typeof symlink>) =>
        this.#file(`symlink ${a[1]}`, () => symlink(...a)),
      chmod: (...a: Parameters<typeof chmod>) => this.#file(`chmod ${a[0]}`, () => chmod(...a)),
      copyFile: (...a: Parameters<typeof copyFile>) =>
        this.#file(`copy ${a[1]}`, () => copyFile(...a)),
    });
  }

  #wrapPrograms(): void {
    const command = (program: string, options: Deno.CommandOptions) =>
      this.#command(program, options);
    Object.assign(Deno, {
      Command: class {
        constructor(readonly program: string, readonly options: Deno.CommandOptions = {}) {}
        spawn(): Deno.ChildProcess {
          return command(this.program, this.options).spawn();
        }
      },
    });
  }

  #command(program: string, options: Deno.CommandOptions): Deno.Command {
    const args = options.args ?? [];
    const real = [program, ...args];
    const fault = this.#next(real.map((word) => word.split("\n")[0]).join(" ").slice(0, 200));
    const shell = (script: string, ...words: string[]) =>
      new RealCommand("/bin/sh", { ...options, args: ["-c", script, ...words, ...real] });
    switch (fault) {
      case "cut":
        if (options.detached) new RealCommand(program, options).spawn();
        else new RealCommand(program, { ...options, stdin: "null" }).outputSync();
        die();
        break;
      case "fail":
        return shell(broken, "sh");
      case "half":
        // What goes on by itself has no end that could be told.
        return shell(options.detached ? broken : '"$@"; echo broken on purpose >&2; exit 1', "sh");
      case "SIGINT":
        return shell('read -r _ <"$0"; kill -INT $$', this.#heardPipe());
      case "SIGTERM":
        return shell('read -r _ <"$0"; exec "$@"', this.#heardPipe());
      default:
        break;
    }
    return new RealCommand(program, options);
  }

  /** A FIFO that ends when nixbox has heard the signal. */
  #heardPipe(): string {
    const path = `/tmp/heard-${Deno.pid}`;
    new RealCommand("mkfifo", { args: [path] }).outputSync();
    void this.#heard.promise.then(async () => {
      (await Deno.open(path, { write: true })).close();
      Deno.removeSync(path);
    });
    return path;
  }
}
