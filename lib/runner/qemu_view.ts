import type { ArgumentList } from "./arguments.ts";
import { isOn, namedValues, type Option, optionValue, qemuSyntax, sizeMB } from "./options.ts";
import { parseQemuOptions as parse, qemuArguments, typedValues } from "./qemu_arguments.ts";
import type { RunnerScript } from "./script.ts";
import type { RunnerDisk, RunnerNetwork, RunnerShare, RunnerView } from "./view.ts";

/**
 * Reads QEMU's flags as microvm.nix's lib/runners/qemu.nix writes them; see also qemu(1).
 *
 * @throws {NixboxError} with the line if the runner lacks what every machine has.
 */
export function readQemu(script: RunnerScript): Omit<RunnerView, "hypervisor"> {
  const list = qemuArguments(script);
  const vsock = typedValues(list, "-device").find(({ kind }) => kind.startsWith("vhost-vsock"));
  const cid = optionValue(vsock?.options ?? [], "guest-cid");
  const socket = list.values("-qmp")[0]?.value;
  return {
    cpus: readCpus(list),
    memoryMB: readMemory(list),
    disks: readDisks(list),
    shares: readShares(list),
    networks: readNetworks(list),
    kernel: list.require("-kernel", "start the guest").value,
    initrd: list.values("-initrd")[0]?.value,
    cmdline: list.values("-append")[0]?.value ?? "",
    ...(socket === undefined ? {} : { apiSocket: readSocket(socket) }),
    ...(cid === undefined ? {} : { vsockCid: Number(cid) }),
  };
}

/** `unix:PATH,server,nowait`: the path may hold an equals sign, and commas doubled. */
function readSocket(value: string): string {
  const [address = ""] = qemuSyntax.split(value);
  return qemuSyntax.unescape(address).replace(/^unix:(path=)?/, "");
}

export function readCpus(list: ArgumentList): number {
  const found = list.require("-smp", "set the number of vCPUs");
  const options = parse(found.value);
  const cpus = Number(optionValue(options, "cpus") ?? options[0]?.key);
  if (!Number.isInteger(cpus)) {
    throw list.lacking(`-smp ${found.value} gives no number`, found.line);
  }
  return cpus;
}

export function readMemory(list: ArgumentList): number {
  const found = list.require("-m", "set the memory");
  const options = parse(found.value);
  const size = sizeMB(optionValue(options, "size") ?? options[0]?.key ?? "", "M");
  if (size === undefined) throw list.lacking(`-m ${found.value} gives no size`, found.line);
  return size;
}

/** The part that a device names by `key` (`drive=vda`, `chardev=fs0`), e.g. for its path. */
function partOf(parts: readonly Option[][], device: readonly Option[], key: string): Option[] {
  const id = optionValue(device, key);
  return parts.find((part) => id !== undefined && optionValue(part, "id") === id) ?? [];
}

function readDisks(list: ArgumentList): RunnerDisk[] {
  const devices = typedValues(list, "-device");
  return list.values("-drive").map(({ value }) => {
    const drive = parse(value);
    const device = devices.find(({ options }) =>
      optionValue(options, "drive") === optionValue(drive, "id")
    );
    return {
      path: optionValue(drive, "file") ?? "",
      readonly: isOn(drive, "read-only", "readonly"),
      ...namedValues(device?.options ?? [], { id: "id", serial: "serial" }),
    };
  });
}

function readShares(list: ArgumentList): RunnerShare[] {
  const chardevs = list.values("-chardev").map(({ value }) => parse(value));
  const fsdevs = list.values("-fsdev").map(({ value }) => parse(value));
  return typedValues(list, "-device").flatMap(({ kind, options }): RunnerShare[] => {
    const named = namedValues(options, { id: "id" });
    if (kind.startsWith("vhost-user-fs")) {
      const tag = optionValue(options, "tag") ?? "";
      const chardev = partOf(chardevs, options, "chardev");
      return [{ tag, ...namedValues(chardev, { socket: "path" }), ...named }];
    }
    if (kind.startsWith("virtio-9p")) {
      const tag = optionValue(options, "mount_tag") ?? "";
      const fsdev = partOf(fsdevs, options, "fsdev");
      return [{ tag, ...namedValues(fsdev, { source: "path" }), ...named }];
    }
    return [];
  });
}

function readNetworks(list: ArgumentList): RunnerNetwork[] {
  const devices = typedValues(list, "-device");
  return typedValues(list, "-netdev").map(({ kind, options }) => {
    const card = devices.find((device) =>
      optionValue(device.options, "netdev") === optionValue(options, "id")
    );
    return {
      kind,
      ...namedValues(options, { tap: "ifname" }),
      ...namedValues(card?.options ?? [], { mac: "mac" }),
    };
  });
}
