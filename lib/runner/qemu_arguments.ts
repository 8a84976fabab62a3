import { ArgumentList, canBeValue, type FlagValue } from "./arguments.ts";
import { type Option, parseOptions, qemuSyntax, writeOptions } from "./options.ts";
import type { RunnerScript } from "./script.ts";

/** QEMU's flags without a value that a runner may have (qemu-options.hx). */
const switches = new Set([
  "-S",
  "-daemonize",
  "-enable-kvm",
  "-mem-prealloc",
  "-no-acpi",
  "-no-fd-bootchk",
  "-no-hpet",
  "-no-reboot",
  "-no-shutdown",
  "-no-user-config",
  "-nodefaults",
  "-nographic",
  "-only-migratable",
  "-preconfig",
  "-s",
  "-snapshot",
  "-usb",
]);

/** The kernel's command line is the one value that may look like a flag. */
export function qemuArguments(script: RunnerScript): ArgumentList {
  return new ArgumentList(script, (flag, [next]) => {
    if (next === undefined || switches.has(flag)) return 0;
    return flag === "-append" || canBeValue(next, "-") ? 1 : 0;
  });
}

export const parseQemuOptions = (text: string) => parseOptions(text, qemuSyntax);
export const writeQemuOptions = (options: readonly Option[]) => writeOptions(options, qemuSyntax);

/** A value whose first part is a kind: a driver, a type of machine, a backend. */
export interface Typed extends FlagValue {
  readonly kind: string;
  readonly options: readonly Option[];
}

export function typedValues(list: ArgumentList, flag: string): Typed[] {
  return list.values(flag).map((found) => {
    const options = parseQemuOptions(found.value);
    return { ...found, kind: options[0]?.key ?? "", options };
  });
}

/** The type of machine; microvm.nix writes `-M`. */
export function machineOf(list: ArgumentList): Typed | undefined {
  return [...typedValues(list, "-M"), ...typedValues(list, "-machine")][0];
}
