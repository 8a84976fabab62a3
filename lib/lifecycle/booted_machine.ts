import type { HypervisorName } from "../runner/view.ts";
import type { VmRecord } from "../state/record.ts";
import type { UpResult } from "./up/up.ts";

/**
 * A machine that is up. It stays up until `down`; with `await using` it ends with its scope:
 *
 * ```ts
 * import { openProject, printable } from "nixbox";
 *
 * const project = await openProject(".");
 * {
 *   await using machine = await project.up();
 *   const { stdout } = await project.output(["uname", "-r"]);
 *   console.log(machine.name, printable(stdout));
 * } // it is down here, also where something has thrown
 * ```
 */
export interface BootedMachine extends AsyncDisposable {
  /** The config's `name`. */
  readonly name: string;
  /** The project's id. */
  readonly id: string;
  /** Real path of the project's directory. */
  readonly project: string;
  /** The guest's IPv4 address, where it has one that the host chose (Linux). */
  readonly address?: string;
  /** What runs it. */
  readonly hypervisor: HypervisorName;
  /** Whether the processor's virtualization is used. */
  readonly acceleration: "hardware" | "emulation";
  /** It ran already, and nothing was done. */
  readonly wasUp: boolean;
  /**
   * Takes down the machine that this `up` has booted, as `down` does. One that was up before, or that
   * was booted since, is somebody else's and stays.
   *
   * @throws {NixboxError} if it cannot be taken down; `down` tries again.
   */
  [Symbol.asyncDispose](): Promise<void>;
}

/** How the end of a machine's scope sees and ends it. */
export interface ScopeEnd {
  /** The record of the machine that the project has by then. */
  readonly record: () => Promise<VmRecord | undefined>;
  /** Takes the project's machine down. */
  readonly down: () => PromiseLike<unknown>;
}

/** What a caller of `up` is given. */
export function bootedMachine({ record, wasUp }: UpResult, end: ScopeEnd): BootedMachine {
  const { name, id, project, network, hypervisor, acceleration, startedAt } = record;
  return {
    name,
    id,
    project,
    ...(network.kind === "tap" ? { address: network.address } : {}),
    hypervisor,
    acceleration,
    wasUp,
    async [Symbol.asyncDispose]() {
      if (wasUp || (await end.record())?.startedAt !== startedAt) return;
      await end.down();
    },
  };
}
