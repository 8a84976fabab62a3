import { ArgumentList, type FlagValue } from "./arguments.ts";
import {
  type Option,
  optionValue,
  parseOptions,
  qemuSyntax,
  sizeMB,
  withOption,
  writeOptions,
} from "./options.ts";
import type { RunnerScript } from "./script.ts";
import type { RunnerChanges, RunnerDisk, RunnerNetwork, RunnerShare, RunnerView } from "./types.ts";

/** Flags and device names as microvm.nix's lib/runners/qemu.nix writes them; see also qemu(1). */
const parse = (text: string) => parseOptions(text, qemuSyntax);
const write = (options: readonly Option[]) => writeOptions(options, qemuSyntax);

/** A `-device` value: the driver's name and its options. */
interface Device extends FlagValue {
  readonly driver: string;
  readonly options: readonly Option[];
}

function devices(list: ArgumentList): Device[] {
  return list.values("-device").map((found) => {
    const options = parse(found.value);
    return { ...found, driver: options[0]?.key ?? "", options };
  });
}

export function readQemu(script: RunnerScript): Omit<RunnerView, "hypervisor"> {
  const list = new ArgumentList(script);
  const cid = devices(list).find(({ driver }) => driver.startsWith("vhost-vsock"));
  const guestCid = cid === undefined ? undefined : optionValue(cid.options, "guest-cid");
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
    ...(socket === undefined
      ? {}
      : { apiSocket: (parse(socket)[0]?.key ?? "").replace(/^unix:/, "") }),
    ...(guestCid === undefined ? {} : { vsockCid: Number(guestCid) }),
  };
}

function readCpus(list: ArgumentList): number {
  const found = list.require("-smp", "set the number of vCPUs");
  const options = parse(found.value);
  const cpus = Number(optionValue(options, "cpus") ?? options[0]?.key);
  if (!Number.isInteger(cpus)) {
    throw list.lacking(`-smp ${found.value} gives no number`, found.line);
  }
  return cpus;
}

function readMemory(list: ArgumentList): number {
  const found = list.require("-m", "set the memory");
  const options = parse(found.value);
  const size = sizeMB(optionValue(options, "size") ?? options[0]?.key ?? "", "M");
  if (size === undefined) throw list.lacking(`-m ${found.value} gives no size`, found.line);
  return size;
}

function readDisks(list: ArgumentList): RunnerDisk[] {
  const all = devices(list);
  return list.values("-drive").map(({ value }) => {
    const options = parse(value);
    const drive = optionValue(options, "id");
    const device = all.find((candidate) => optionValue(candidate.options, "drive") === drive);
    const id = device === undefined ? undefined : optionValue(device.options, "id");
    const serial = device === undefined ? undefined : optionValue(device.options, "serial");
    return {
      path: optionValue(options, "file") ?? "",
      readonly: /^(on|true)$/.test(
        optionValue(options, "read-only") ?? optionValue(options, "readonly") ?? "",
      ),
      ...(id === undefined ? {} : { id }),
      ...(serial === undefined ? {} : { serial }),
    };
  });
}

function readShares(list: ArgumentList): RunnerShare[] {
  const chardevs = new Map(
    list.values("-chardev").map(({ value }) => [optionValue(parse(value), "id"), parse(value)]),
  );
  const fsdevs = new Map(
    list.values("-fsdev").map(({ value }) => [optionValue(parse(value), "id"), parse(value)]),
  );
  return devices(list).flatMap(({ driver, options }): RunnerShare[] => {
    const id = optionValue(options, "id");
    const named = id === undefined ? {} : { id };
    if (driver.startsWith("vhost-user-fs")) {
      const socket = optionValue(chardevs.get(optionValue(options, "chardev")) ?? [], "path");
      const tag = optionValue(options, "tag") ?? "";
      return [{ tag, ...named, ...(socket === undefined ? {} : { socket }) }];
    }
    if (driver.startsWith("virtio-9p")) {
      const source = optionValue(fsdevs.get(optionValue(options, "fsdev")) ?? [], "path");
      const tag = optionValue(options, "mount_tag") ?? "";
      return [{ tag, ...named, ...(source === undefined ? {} : { source }) }];
    }
    return [];
  });
}

function readNetworks(list: ArgumentList): RunnerNetwork[] {
  const all = devices(list);
  return list.values("-netdev").map(({ value }) => {
    const options = parse(value);
    const id = optionValue(options, "id");
    const device = all.find((candidate) => optionValue(candidate.options, "netdev") === id);
    const mac = device === undefined ? undefined : optionValue(device.options, "mac");
    const tap = optionValue(options, "ifname");
    return {
      kind: options[0]?.key ?? "",
      ...(tap === undefined ? {} : { tap }),
      ...(mac === undefined ? {} : { mac }),
    };
  });
}

/** Applies changes. Devices that are added come last, after the root ports that they sit on. */
export function patchQemu(script: RunnerScript, changes: RunnerChanges): RunnerScript {
  const list = new ArgumentList(script);
  const cpus = changes.cpus ?? readCpus(list);
  const memoryMB = changes.memoryMB ?? readMemory(list);
  if (changes.cpus !== undefined) setCpus(list, cpus);
  if (changes.memoryMB !== undefined) setMemory(list, memoryMB);
  if (changes.acceleration !== undefined) setAcceleration(list, changes.acceleration);
  if (changes.apiSocket !== undefined) setSocket(list, changes.apiSocket);
  if (changes.consoleLog !== undefined) setConsole(list, changes.consoleLog);
  if (changes.kernelParams !== undefined) addKernelParams(list, changes.kernelParams);
  if (changes.vsockCid !== undefined) setVsock(list, changes.vsockCid);
  for (const tag of changes.removeShares ?? []) removeShare(list, tag);
  if (changes.networks !== undefined) setNetworks(list, changes.networks, cpus);
  else if (changes.cpus !== undefined) setNetworks(list, readNetworks(list), cpus);
  const ports = new RootPorts(list, addedDevices(changes) + (changes.hotPlugPorts ?? 0));
  for (const disk of changes.addDisks ?? []) addDisk(list, disk, ports);
  for (const share of changes.addShares ?? []) addShare(list, share, ports, memoryMB);
  return list.toScript();
}

function addedDevices(changes: RunnerChanges): number {
  return (changes.addDisks?.length ?? 0) + (changes.addShares?.length ?? 0);
}

function setCpus(list: ArgumentList, cpus: number): void {
  list.set(list.require("-smp", "set the number of vCPUs"), `${cpus}`);
}

/** The guest's memory and the shared backend that virtiofs needs must be of one size. */
function setMemory(list: ArgumentList, memoryMB: number): void {
  const found = list.require("-m", "set the memory");
  const [first, ...others] = parse(found.value);
  const size = first?.key === "size"
    ? { key: "size", value: `${memoryMB}M` }
    : { key: `${memoryMB}M` };
  list.set(found, write([size, ...others]));
  for (const backend of list.values("-object")) {
    if (!/^memory-backend-(memfd|ram|file)$/.test(parse(backend.value)[0]?.key ?? "")) continue;
    if (optionValue(parse(backend.value), "id") === "vmem0") continue;
    list.set(backend, write(withOption(parse(backend.value), "size", `${memoryMB}M`)));
  }
}

function setAcceleration(list: ArgumentList, acceleration: "kvm" | "tcg"): void {
  const flag = list.has("-machine") ? "-machine" : "-M";
  const machine = list.require(flag, "choose the acceleration");
  list.set(machine, write(withOption(parse(machine.value), "accel", acceleration)));
  const cpu = list.values("-cpu")[0];
  // "host" exists only under KVM; "max" is everything that the emulator can do.
  if (acceleration === "tcg" && cpu !== undefined) list.set(cpu, "max");
  list.removeFlags("-accel", () => true);
  list.removeSwitch("-enable-kvm");
  if (acceleration === "kvm") list.append("-enable-kvm");
}

function setSocket(list: ArgumentList, path: string): void {
  const found = list.require("-qmp", "control the guest (microvm.socket must be set)");
  const [, ...others] = parse(found.value);
  list.set(found, write([{ key: `unix:${qemuSyntax.escape(path)}` }, ...others]));
}

/** microvm.nix joins the serial console to a chardev "stdio"; a detached program has no terminal. */
function setConsole(list: ArgumentList, path: string): void {
  const found = list.values("-chardev").find(({ value }) => parse(value)[0]?.key === "stdio");
  if (found === undefined) throw list.lacking("it has no -chardev stdio, where the console is");
  const id = optionValue(parse(found.value), "id") ?? "stdio";
  const file = [{ key: "file" }, { key: "id", value: id }, { key: "path", value: path }];
  list.set(found, write(file));
}

function addKernelParams(list: ArgumentList, params: readonly string[]): void {
  if (params.length === 0) return;
  const found = list.require("-append", "add kernel parameters");
  list.set(found, [found.value, ...params].join(" "));
}

function setVsock(list: ArgumentList, cid: number | null): void {
  list.removeFlags("-device", (value) => value.startsWith("vhost-vsock"));
  if (cid !== null) list.append("-device", `vhost-vsock-pci,guest-cid=${cid}`);
}

function removeShare(list: ArgumentList, tag: string): void {
  const share = devices(list).find(({ options }) =>
    optionValue(options, "tag") === tag || optionValue(options, "mount_tag") === tag
  );
  if (share === undefined) throw list.lacking(`it has no share "${tag}"`);
  const chardev = optionValue(share.options, "chardev");
  const fsdev = optionValue(share.options, "fsdev");
  list.removeFlags("-device", (value) => value === share.value);
  list.removeFlags("-chardev", (value) => optionValue(parse(value), "id") === chardev);
  list.removeFlags("-fsdev", (value) => optionValue(parse(value), "id") === fsdev);
}

/** A tap of several queues needs `queues`, `mq` and two interrupt vectors a queue and two more. */
function setNetworks(list: ArgumentList, networks: readonly RunnerNetwork[], cpus: number): void {
  const old = new Set(list.values("-netdev").map(({ value }) => optionValue(parse(value), "id")));
  list.removeFlags("-netdev", () => true);
  list.removeFlags("-device", (value) => {
    const netdev = optionValue(parse(value), "netdev");
    return netdev !== undefined && old.has(netdev);
  });
  networks.forEach(({ kind, tap, mac }, index) => {
    const id = `net${index}`;
    const isTap = kind === "tap";
    const isMultiQueue = isTap && cpus > 1;
    const backend: Option[] = [{ key: kind }, { key: "id", value: id }];
    if (tap !== undefined) backend.push({ key: "ifname", value: tap });
    if (isTap) backend.push({ key: "script", value: "no" }, { key: "downscript", value: "no" });
    if (isMultiQueue) backend.push({ key: "queues", value: `${cpus}` });
    const card: Option[] = [{ key: "virtio-net-pci" }, { key: "netdev", value: id }];
    if (mac !== undefined) card.push({ key: "mac", value: mac });
    card.push({ key: "romfile", value: "" });
    if (isMultiQueue) {
      card.push({ key: "mq", value: "on" }, { key: "vectors", value: `${2 * cpus + 2}` });
    }
    list.append("-netdev", write(backend), "-device", write(card));
  });
}

/** The PCIe root ports of a q35 machine: only a device on one can come and go while it runs. */
class RootPorts {
  readonly #free: string[];

  constructor(list: ArgumentList, wanted: number) {
    const all = devices(list);
    const ports = all.filter(({ driver }) => driver === "pcie-root-port");
    const used = new Set(all.map(({ options }) => optionValue(options, "bus")));
    this.#free = ports.map(({ options }) => optionValue(options, "id") ?? "").filter((id) =>
      !used.has(id)
    );
    if (this.#free.length >= wanted) return;
    this.#requireQ35(list);
    const chassis = ports.map(({ options }) => Number(optionValue(options, "chassis") ?? 0));
    let next = Math.max(0, ...chassis) + 1;
    while (this.#free.length < wanted) {
      const id = `nixbox-port${next}`;
      list.append("-device", `pcie-root-port,id=${id},chassis=${next},slot=${next}`);
      this.#free.push(id);
      next++;
    }
  }

  take(): string {
    return this.#free.shift() ?? "";
  }

  #requireQ35(list: ArgumentList): void {
    const machine = list.values("-M")[0] ?? list.values("-machine")[0];
    const type = machine === undefined ? "none" : parse(machine.value)[0]?.key;
    if (type === "q35") return;
    throw list.lacking(
      `its machine type is ${type}, which has no PCIe root ports; microvm.qemu.machine must be q35`,
      machine?.line,
    );
  }
}

function addDisk(list: ArgumentList, disk: RunnerDisk, ports: RootPorts): void {
  const id = disk.id ?? disk.serial ?? "disk";
  const drive: Option[] = [
    { key: "id", value: `drive-${id}` },
    { key: "format", value: "raw" },
    { key: "file", value: disk.path },
    { key: "if", value: "none" },
    { key: "read-only", value: disk.readonly ? "on" : "off" },
  ];
  const device: Option[] = [
    { key: "virtio-blk-pci" },
    { key: "drive", value: `drive-${id}` },
    { key: "id", value: id },
    { key: "bus", value: ports.take() },
    ...(disk.serial === undefined ? [] : [{ key: "serial", value: disk.serial }]),
  ];
  list.append("-drive", write(drive), "-device", write(device));
}

function addShare(
  list: ArgumentList,
  share: RunnerShare,
  ports: RootPorts,
  memoryMB: number,
): void {
  const socket = share.socket;
  if (socket === undefined) {
    throw list.lacking(`QEMU needs a virtiofsd for the share "${share.tag}"`);
  }
  if (!list.values("-object").some(({ value }) => /share=on/.test(value))) {
    list.append("-object", `memory-backend-memfd,id=mem,size=${memoryMB}M,share=on`);
    list.append("-numa", "node,memdev=mem");
  }
  const id = share.id ?? share.tag;
  const chardev = [
    { key: "socket" },
    { key: "id", value: `chardev-${id}` },
    { key: "path", value: socket },
  ];
  const device = [
    { key: "vhost-user-fs-pci" },
    { key: "chardev", value: `chardev-${id}` },
    { key: "tag", value: share.tag },
    { key: "id", value: id },
    { key: "bus", value: ports.take() },
  ];
  list.append("-chardev", write(chardev), "-device", write(device));
}
