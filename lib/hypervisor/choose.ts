import { NixboxError } from "../base/error.ts";
import type { Acceleration, Host } from "../host/host.ts";
import type { HypervisorChoice } from "../config/config.ts";
import type { HypervisorName } from "../runner/view.ts";

export interface ChosenHypervisor {
  readonly hypervisor: HypervisorName;
  /** What the user should know of the choice. */
  readonly warning?: string;
}

/**
 * The hypervisor for a config's choice on this host: `auto` takes the fastest that really works.
 *
 * @throws {NixboxError} if the config forces one that cannot run here.
 */
export function chooseHypervisor(
  choice: HypervisorChoice,
  facts: { readonly os: Host["os"]; readonly acceleration: Acceleration },
): ChosenHypervisor {
  const { os, acceleration } = facts;
  const emulated = {
    hypervisor: "qemu",
    warning: `no KVM (${acceleration.reason}): QEMU emulates, slowly`,
  } as const;
  if (os === "darwin") {
    if (choice !== "auto" && choice !== "vfkit") throw impossible(choice, "macOS has vfkit");
    if (acceleration.usable) return { hypervisor: "vfkit" };
    throw new NixboxError(`no machine can run on this host: ${acceleration.reason}`, {
      hint: "vfkit needs a Mac with Apple silicon that is not a virtual machine itself",
    });
  }
  if (choice === "vfkit") throw impossible(choice, "vfkit runs on macOS only");
  if (choice === "qemu") return acceleration.usable ? { hypervisor: "qemu" } : emulated;
  if (acceleration.usable) return { hypervisor: "cloud-hypervisor" };
  if (choice === "auto") return emulated;
  throw impossible(choice, acceleration.reason);
}

function impossible(choice: HypervisorChoice, reason: string): NixboxError {
  return new NixboxError(`hypervisor "${choice}" cannot run on this host: ${reason}`, {
    where: "hypervisor",
    hint: 'set hypervisor = "auto"',
  });
}
