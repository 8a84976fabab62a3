import type { ArgumentList } from "./arguments.ts";
import { isOn, type Option, optionValue, withOption } from "./options.ts";
import { machineOf, typedValues, writeQemuOptions as write } from "./qemu_arguments.ts";
import type { RunnerDisk, RunnerShare } from "./view.ts";

/** Where nixbox's own root ports sit on q35's bus: 8 to a slot, from here down. */
const firstSlot = 0x1e;

/**
 * The PCIe root ports of a machine: only a device on one can come and go while it runs. Ports that
 * are missing are added, eight functions to a PCI slot, so that they leave room on the bus.
 */
export class RootPorts {
  readonly #free: string[];

  /** @param wanted How many free ports there must be. */
  constructor(list: ArgumentList, wanted: number) {
    const devices = typedValues(list, "-device");
    const ports = devices.filter(({ kind }) => kind === "pcie-root-port");
    const used = new Set(devices.map(({ options }) => optionValue(options, "bus")));
    this.#free = ports.map(({ options }) => optionValue(options, "id") ?? "")
      .filter((id) => id !== "" && !used.has(id));
    if (this.#free.length >= wanted) return;
    requireRootPorts(list);
    const taken = ports.map(({ options }) => Number(optionValue(options, "chassis") ?? 0));
    const own = ports.filter(({ options }) =>
      optionValue(options, "id")?.startsWith("nixbox-port")
    );
    let chassis = Math.max(0, ...taken) + 1;
    for (let index = own.length; this.#free.length < wanted; index++, chassis++) {
      const id = `nixbox-port${index}`;
      list.append("-device", write(rootPort(id, index, chassis)));
      this.#free.push(id);
    }
  }

  take(): string {
    return this.#free.shift() ?? "";
  }
}

function rootPort(id: string, index: number, chassis: number): Option[] {
  const slot = firstSlot - Math.floor(index / 8);
  return [
    { key: "pcie-root-port" },
    { key: "id", value: id },
    { key: "chassis", value: `${chassis}` },
    { key: "slot", value: `${chassis}` },
    { key: "multifunction", value: "on" },
    { key: "addr", value: `0x${slot.toString(16)}.0x${(index % 8).toString(16)}` },
  ];
}

function requireRootPorts(list: ArgumentList): void {
  const machine = machineOf(list);
  const type = machine?.kind === "type" ? optionValue(machine.options, "type") : machine?.kind;
  if (type !== undefined && /^(pc-)?q35(-|$)|^virt(-|$)/.test(type)) return;
  throw list.lacking(
    `its machine type is ${type ?? "not given"}, on which nothing can be added while it runs; ` +
      `set microvm.qemu.machine = "q35"`,
    machine?.line,
  );
}

/** The names of a device's parts, by which a driver finds them again when it takes it away. */
export function partNames(id: string): { readonly drive: string; readonly chardev: string } {
  return { drive: `drive-${id}`, chardev: `chardev-${id}` };
}

export function addDisk(list: ArgumentList, disk: RunnerDisk, ports: RootPorts): void {
  const id = requireId(list, disk.id ?? disk.serial);
  const { drive } = partNames(id);
  const backend: Option[] = [
    { key: "id", value: drive },
    { key: "format", value: "raw" },
    { key: "file", value: disk.path },
    { key: "if", value: "none" },
    { key: "read-only", value: disk.readonly ? "on" : "off" },
  ];
  const device: Option[] = [
    { key: "virtio-blk-pci" },
    { key: "drive", value: drive },
    { key: "id", value: id },
    { key: "bus", value: ports.take() },
    ...(disk.serial === undefined ? [] : [{ key: "serial", value: disk.serial }]),
  ];
  list.append("-drive", write(backend), "-device", write(device));
}

export function addShare(list: ArgumentList, share: RunnerShare, ports: RootPorts): void {
  if (share.socket === undefined) {
    throw list.lacking(`QEMU needs a virtiofsd for the share "${share.tag}"`);
  }
  const id = requireId(list, share.id ?? share.tag);
  const { chardev } = partNames(id);
  const backend = [
    { key: "socket" },
    { key: "id", value: chardev },
    { key: "path", value: share.socket },
  ];
  const device = [
    { key: "vhost-user-fs-pci" },
    { key: "chardev", value: chardev },
    { key: "tag", value: share.tag },
    { key: "id", value: id },
    { key: "bus", value: ports.take() },
  ];
  list.append("-chardev", write(backend), "-device", write(device));
}

/** QEMU's rule for ids (id_wellformed in util/id.c). */
function requireId(list: ArgumentList, id: string | undefined): string {
  if (id !== undefined && /^[A-Za-z][\w.-]*$/.test(id)) return id;
  throw list.lacking(`QEMU cannot take "${id ?? ""}" for the id of a device`);
}

/** virtiofsd maps the guest's memory: that must be a file that both have. */
export function requireSharedMemory(list: ArgumentList, memoryMB: number): void {
  const backend = memoryBackends(list)[0];
  if (backend === undefined) {
    list.append("-object", `memory-backend-memfd,id=nixbox-memory,size=${memoryMB}M,share=on`);
    list.append("-numa", "node,memdev=nixbox-memory");
  } else if (!isOn(backend.options, "share")) {
    if (backend.kind === "memory-backend-ram") {
      throw list.lacking("its memory cannot be shared with virtiofsd", backend.line);
    }
    list.change(backend, write(withOption(backend.options, "share", "on")));
  }
}

/** The objects that are the guest's memory, by `-numa node,memdev=` or `-M memory-backend=`. */
export function memoryBackends(list: ArgumentList): ReturnType<typeof typedValues> {
  const names = [
    ...typedValues(list, "-numa").map(({ options }) => optionValue(options, "memdev")),
    optionValue(machineOf(list)?.options ?? [], "memory-backend"),
  ].filter((name) => name !== undefined);
  return typedValues(list, "-object").filter(({ options }) =>
    names.includes(optionValue(options, "id") ?? "")
  );
}
