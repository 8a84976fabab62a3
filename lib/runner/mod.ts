import { NixboxError } from "../base/error.ts";
import { nameOf } from "../base/paths.ts";
import { patchCloudHypervisor, readCloudHypervisor } from "./cloud_hypervisor.ts";
import { patchQemu } from "./qemu.ts";
import { readQemu } from "./qemu_view.ts";
import { knownMicrovm, readScript, type RunnerScript, writeScript } from "./script.ts";
import type { HypervisorName, RunnerChanges, RunnerView } from "./view.ts";
import { patchVfkit, readVfkit } from "./vfkit.ts";

export type {
  HypervisorName,
  RunnerChanges,
  RunnerDisk,
  RunnerNetwork,
  RunnerShare,
  RunnerView,
  RunnerVsockPort,
} from "./view.ts";

/** A runner: what it starts, and the script that it was read from. */
export interface Runner extends RunnerView {
  /** The script, taken apart. */
  readonly script: RunnerScript;
}

/**
 * Reads a runner that microvm.nix made: a shell script whose last command is the hypervisor.
 *
 * @param source Where the text comes from, for messages.
 * @throws {NixboxError} with the line and the reason if it does not parse.
 */
export function readRunner(text: string, source = "microvm-run"): Runner {
  return viewOf(readScript(text, source));
}

/**
 * Gives a runner with changes applied; the one given stays as it is. What the changes do not name
 * passes through untouched, known or not.
 *
 * @throws {NixboxError} with the line and the reason if the runner lacks what a change needs.
 */
export function patchRunner(runner: Runner, changes: RunnerChanges): Runner {
  const patch = {
    "qemu": patchQemu,
    "cloud-hypervisor": patchCloudHypervisor,
    "vfkit": patchVfkit,
  }[runner.hypervisor];
  return viewOf(patch(runner.script, changes));
}

/**
 * Writes a runner as a script for bash, and reads it back to prove that it says what is meant.
 *
 * @throws {NixboxError} if it does not.
 */
export function writeRunner(runner: Runner): string {
  const text = writeScript(runner.script);
  const written = readRunner(text, runner.script.source);
  if (meaningOf(written) === meaningOf(runner)) return text;
  throw new NixboxError("the changed runner does not read as it was meant", {
    where: runner.script.source,
    hint: "this is a fault of nixbox: please report it with the output of `nixbox build --print`",
  });
}

/** Everything about a runner but where its words stand in the text. */
function meaningOf({ script, ...view }: Runner): string {
  const { prelude, processName, program, argv } = script;
  const sorted = Object.entries(view).sort(([a], [b]) => a < b ? -1 : 1);
  return JSON.stringify([prelude, processName, program, argv, sorted]);
}

function viewOf(script: RunnerScript): Runner {
  const hypervisor = hypervisorOf(script);
  const read = { "qemu": readQemu, "cloud-hypervisor": readCloudHypervisor, "vfkit": readVfkit };
  return { hypervisor, ...read[hypervisor](script), script };
}

/** By the program's name; where that is something else (a wrapper), by its arguments. */
function hypervisorOf(script: RunnerScript): HypervisorName {
  const name = nameOf(script.program);
  if (name.startsWith("qemu-system-") || script.argv.includes("-qmp")) return "qemu";
  if (name === "cloud-hypervisor" || script.argv.includes("--api-socket")) {
    return "cloud-hypervisor";
  }
  if (name === "vfkit" || script.argv.includes("--bootloader")) return "vfkit";
  throw new NixboxError(`the runner starts ${name}, which nixbox does not drive`, {
    where: `${script.source}:${script.line}`,
    hint: `nixbox drives cloud-hypervisor, qemu and vfkit, by the runners of ${knownMicrovm}`,
  });
}
