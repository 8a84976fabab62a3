import type { ProgressEvent } from "../lib/base/progress.ts";

/** What a person cares about, by the steps that it is made of; other steps are told as they are. */
const phaseOfStep: Readonly<Record<string, string | undefined>> = {
  "load the firewall": "set up the network",
  "make the tap": "set up the network",
  "forward packets": "set up the network",
  "start network services": "set up the network",
  "start the proxy": "set up the network",
  "share directories": "boot the guest",
  "write the provisioning disk": "boot the guest",
  "start the hypervisor": "boot the guest",
  "boot the guest": "boot the guest",
  "log in": "boot the guest",
  "hand over the environment": "provision the guest",
  "provision": "provision the guest",
  "share directories over SSH": "provision the guest",
};

/** Steps that take a moment: told only where they fail. */
const passedOver: ReadonlySet<string> = new Set([
  "read the config",
  "read the runner",
  "write the record",
  "claim a network slot",
  "make directories",
]);

/**
 * Makes few steps of many: those of one phase become one, which ends when another begins, and takes as
 * long as they did. A step that fails is told by its name. All else passes as it is.
 */
export class Phases {
  #phase: { readonly step: string; elapsedMs: number } | undefined;

  constructor(private readonly show: (event: ProgressEvent) => void) {}

  take(event: ProgressEvent): void {
    switch (event.kind) {
      case "step-started":
        return this.#start(event.step, event);
      case "step-finished":
        return this.#finish(event.step, event);
      case "step-failed":
        this.#phase = undefined;
        return this.show(event);
      default:
        return this.show(event);
    }
  }

  /** Tells of the last phase. */
  end(): void {
    const phase = this.#phase;
    this.#phase = undefined;
    if (phase !== undefined) this.show({ kind: "step-finished", ...phase });
  }

  #start(name: string, event: ProgressEvent): void {
    if (passedOver.has(name)) return;
    const step = phaseOfStep[name];
    if (step !== undefined && step === this.#phase?.step) return;
    this.end();
    if (step === undefined) return this.show(event);
    this.#phase = { step, elapsedMs: 0 };
    this.show({ kind: "step-started", step });
  }

  #finish(name: string, event: ProgressEvent & { readonly elapsedMs: number }): void {
    if (passedOver.has(name)) return;
    if (phaseOfStep[name] === undefined) this.show(event);
    else if (this.#phase !== undefined) this.#phase.elapsedMs += event.elapsedMs;
  }
}
