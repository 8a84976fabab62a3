import type { ArgumentList } from "./arguments.ts";
import { withKernelParams } from "./kernel_params.ts";
import {
  type Option,
  optionValue,
  qemuSyntax,
  sizeMB,
  withOption,
  withoutOption,
} from "./options.ts";
import {
  machineOf,
  parseQemuOptions as parse,
  qemuArguments,
  typedValues,
  writeQemuOptions as write,
} from "./qemu_arguments.ts";
import {
  addDisk,
  addShare,
  memoryBackends,
  requireSharedMemory,
  RootPorts,
} from "./qemu_devices.ts";
import { setNetworks, setQueues } from "./qemu_network.ts";
import { readCpus, readMemory } from "./qemu_view.ts";
import type { RunnerScript } from "./script.ts";
import type { RunnerChanges } from "./view.ts";

/**
 * Applies changes. Devices that are added come last, after the root ports that they sit on.
 *
 * A machine of exactly 2048 MiB hangs in some versions of QEMU (microvm.nix issue 171): it is passed
 * on as it is.
 *
 * @throws {NixboxError} with the line if the runner lacks what a change needs.
 */
export function patchQemu(script: RunnerScript, changes: RunnerChanges): RunnerScript {
  const list = qemuArguments(script);
  if ((changes.vsockPorts ?? []).length > 0) {
    throw list.lacking("QEMU joins no vsock port to a Unix socket");
  }
  if (changes.cpus !== undefined) setCpus(list, changes.cpus);
  if (changes.memoryMB !== undefined) setMemory(list, changes.memoryMB);
  if (changes.acceleration !== undefined) setAcceleration(list, changes.acceleration);
  if (changes.confined === true) confine(list);
  if (changes.apiSocket !== undefined) setSocket(list, changes.apiSocket);
  if (changes.consoleLog !== undefined) setConsole(list, changes.consoleLog);
  if (changes.kernelParams !== undefined) addKernelParams(list, changes.kernelParams);
  if (changes.vsockCid !== undefined) setVsock(list, changes.vsockCid);
  for (const tag of changes.removeShares ?? []) removeShare(list, tag);
  if (changes.networks !== undefined) setNetworks(list, changes.networks, readCpus(list));
  addDevices(list, changes);
  return list.toScript();
}

/** A topology (`sockets=`, `maxcpus=`) would contradict the number, and goes with the old one. */
function setCpus(list: ArgumentList, cpus: number): void {
  list.change(list.require("-smp", "set the number of vCPUs"), `${cpus}`);
  setQueues(list, cpus);
}

/** The guest's memory and the object that it lies in must be of one size. */
function setMemory(list: ArgumentList, memoryMB: number): void {
  const found = list.require("-m", "set the memory");
  const [first, ...others] = parse(found.value);
  const growthMB = memoryMB - readMemory(list);
  const size = first?.key === "size"
    ? { key: "size", value: `${memoryMB}M` }
    : { key: `${memoryMB}M` };
  const max = sizeMB(optionValue(others, "maxmem") ?? "", "M");
  const kept = max === undefined ? others : withOption(others, "maxmem", `${max + growthMB}M`);
  list.change(found, write([size, ...kept]));
  const backends = memoryBackends(list);
  if (backends.length > 1) throw list.lacking("its memory is in several NUMA nodes");
  for (const backend of backends) {
    list.change(backend, write(withOption(backend.options, "size", `${memoryMB}M`)));
  }
}

/**
 * "host" exists only under KVM; "max" is everything that the emulator can do. The emulator gets one
 * thread for all vCPUs: with one each it was seen to crash while the guest's firmware lays out its
 * PCI bridges (QEMU 10.0: "iotlb_to_section: Assertion", once in some sixty boots), and to crash the
 * guest (7.2).
 */
function setAcceleration(list: ArgumentList, acceleration: "kvm" | "tcg"): void {
  const machine = machineOf(list);
  if (machine === undefined) {
    throw list.lacking("it has no -M, which nixbox needs to choose the acceleration");
  }
  const options = acceleration === "kvm"
    ? withOption(machine.options, "accel", "kvm")
    : withoutOption(machine.options, "accel");
  list.change(machine, write(options));
  const cpu = typedValues(list, "-cpu")[0];
  if (cpu === undefined) list.append("-cpu", acceleration === "kvm" ? "host" : "max");
  else if (acceleration === "tcg" && cpu.kind === "host") list.change(cpu, "max");
  else if (acceleration === "kvm" && cpu.kind === "max") list.change(cpu, "host");
  list.removeFlags("-accel");
  list.removeFlags("-enable-kvm");
  if (acceleration === "kvm") list.append("-enable-kvm");
  else list.append("-accel", "tcg,thread=single");
}

/**
 * QEMU's filter refuses obsolete calls, new rights, new programs and changes of priorities
 * (qemu-options.hx, `-sandbox`). A runner whose QEMU was built without it has no such flag.
 */
function confine(list: ArgumentList): void {
  const sandbox = typedValues(list, "-sandbox")[0];
  if (sandbox?.kind === "on") {
    const denied = ["obsolete", "elevateprivileges", "spawn", "resourcecontrol"];
    list.change(sandbox, ["on", ...denied.map((what) => `${what}=deny`)].join(","));
  }
  const machine = machineOf(list);
  if (machine === undefined) return;
  list.change(machine, write(withOption(machine.options, "dump-guest-core", "off")));
}

function setSocket(list: ArgumentList, path: string): void {
  const found = list.require("-qmp", "control the guest (microvm.socket must be set)");
  const [, ...others] = qemuSyntax.split(found.value);
  list.change(found, [`unix:${qemuSyntax.escape(path)}`, ...others].join(","));
}

/** microvm.nix joins the serial port to a chardev "stdio"; a detached program has no terminal. */
function setConsole(list: ArgumentList, path: string): void {
  const file = (id: string): Option[] => [
    { key: "file" },
    { key: "id", value: id },
    { key: "path", value: path },
    // What is cut while the guest runs stays short.
    { key: "append", value: "on" },
  ];
  const serial = list.values("-serial")[0];
  const id = serial?.value.startsWith("chardev:")
    ? serial.value.slice("chardev:".length)
    : undefined;
  const chardev = typedValues(list, "-chardev").find(({ options }) =>
    id !== undefined && optionValue(options, "id") === id
  );
  if (id !== undefined && chardev !== undefined) return list.change(chardev, write(file(id)));
  throw list.lacking("it has no -serial chardev:ID, where the console is", serial?.line);
}

function addKernelParams(list: ArgumentList, params: readonly string[]): void {
  if (params.length === 0) return;
  const found = list.require("-append", "add kernel parameters");
  list.change(found, withKernelParams(found.value, params));
}

function setVsock(list: ArgumentList, cid: number | null): void {
  const device = typedValues(list, "-device").find(({ kind }) => kind.startsWith("vhost-vsock"));
  if (cid === null) {
    list.removeFlags("-device", (value) => value === device?.value);
  } else if (device === undefined) {
    list.append("-device", `vhost-vsock-pci,guest-cid=${cid}`);
  } else {
    list.change(device, write(withOption(device.options, "guest-cid", `${cid}`)));
  }
}

function removeShare(list: ArgumentList, tag: string): void {
  const share = typedValues(list, "-device").find(({ options }) =>
    optionValue(options, "tag") === tag || optionValue(options, "mount_tag") === tag
  );
  if (share === undefined) throw list.lacking(`it has no share "${tag}"`);
  const parts = { "-chardev": "chardev", "-fsdev": "fsdev" };
  list.removeFlags("-device", (value) => value === share.value);
  for (const [flag, key] of Object.entries(parts)) {
    const id = optionValue(share.options, key);
    if (id !== undefined) list.removeFlags(flag, (value) => optionValue(parse(value), "id") === id);
  }
}

function addDevices(list: ArgumentList, changes: RunnerChanges): void {
  const { addDisks = [], addShares = [], hotPlugPorts = 0 } = changes;
  const ports = new RootPorts(list, addDisks.length + addShares.length + hotPlugPorts);
  for (const disk of addDisks) addDisk(list, disk, ports);
  if (addShares.length > 0) requireSharedMemory(list, readMemory(list));
  for (const share of addShares) addShare(list, share, ports);
}
