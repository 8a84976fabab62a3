import { joinPath, nameOf, parentOf } from "../base/paths.ts";
import { ArgumentList, canBeValue } from "./arguments.ts";
import { withKernelParams } from "./kernel_params.ts";
import {
  cloudHypervisorSyntax as syntax,
  isOn,
  namedValues,
  type Option,
  optionValue,
  parseOptions,
  sizeMB,
  withOption,
  writeOptions,
} from "./options.ts";
import type { RunnerScript } from "./script.ts";
import type { RunnerChanges, RunnerDisk, RunnerNetwork, RunnerShare, RunnerView } from "./view.ts";

const parse = (text: string) => parseOptions(text, syntax);
const write = (options: readonly Option[]) => writeOptions(options, syntax);

/** Flags as microvm.nix's lib/runners/cloud-hypervisor.nix writes them; lists follow one flag. */
function argumentsOf(script: RunnerScript): ArgumentList {
  return new ArgumentList(script, (_, following) => {
    const end = following.findIndex((word) => !canBeValue(word, "--"));
    return end < 0 ? following.length : end;
  });
}

/** @throws {NixboxError} with the line if the runner lacks what every machine has. */
export function readCloudHypervisor(script: RunnerScript): Omit<RunnerView, "hypervisor"> {
  const list = argumentsOf(script);
  const cid = optionValue(parse(list.values("--vsock")[0]?.value ?? ""), "cid");
  const socket = list.values("--api-socket")[0]?.value;
  return {
    cpus: readCpus(list),
    memoryMB: readMemory(list),
    disks: list.values("--disk").map(({ value }) => readDisk(parse(value))),
    shares: list.values("--fs").map(({ value }) => readShare(parse(value))),
    networks: list.values("--net").map(({ value }) => readNetwork(parse(value))),
    kernel: list.require("--kernel", "start the guest").value,
    initrd: list.values("--initramfs")[0]?.value,
    cmdline: list.values("--cmdline")[0]?.value ?? "",
    ...(socket === undefined ? {} : { apiSocket: socket.replace(/^path=/, "") }),
    ...(cid === undefined ? {} : { vsockCid: Number(cid) }),
  };
}

function readCpus(list: ArgumentList): number {
  const found = list.require("--cpus", "set the number of vCPUs");
  const boot = Number(optionValue(parse(found.value), "boot"));
  if (!Number.isInteger(boot)) throw list.lacking(`--cpus ${found.value} has no boot=`, found.line);
  return boot;
}

function readMemory(list: ArgumentList): number {
  const found = list.require("--memory", "set the memory");
  const size = sizeMB(optionValue(parse(found.value), "size") ?? "", "B");
  if (size === undefined) throw list.lacking(`--memory ${found.value} has no size=`, found.line);
  return size;
}

function readDisk(options: readonly Option[]): RunnerDisk {
  return {
    path: optionValue(options, "path") ?? "",
    readonly: isOn(options, "readonly"),
    ...namedValues(options, { id: "id", serial: "serial" }),
  };
}

function readShare(options: readonly Option[]): RunnerShare {
  return {
    tag: optionValue(options, "tag") ?? "",
    ...namedValues(options, { socket: "socket", id: "id" }),
  };
}

function readNetwork(options: readonly Option[]): RunnerNetwork {
  const named = namedValues(options, { tap: "tap", mac: "mac" });
  return { kind: named.tap === undefined ? (options[0]?.key ?? "") : "tap", ...named };
}

/** @throws {NixboxError} with the line if the runner lacks what a change needs. */
export function patchCloudHypervisor(script: RunnerScript, changes: RunnerChanges): RunnerScript {
  const list = argumentsOf(script);
  refuseOthersChanges(list, changes);
  const cpus = changes.cpus ?? readCpus(list);
  if (changes.cpus !== undefined) setCpus(list, cpus);
  if (changes.memoryMB !== undefined) setOption(list, "--memory", "size", `${changes.memoryMB}M`);
  if (changes.apiSocket !== undefined) {
    const purpose = "control the guest (microvm.socket must be set)";
    list.replace(list.require("--api-socket", purpose), changes.apiSocket);
  }
  if (changes.kernelParams !== undefined && changes.kernelParams.length > 0) {
    const found = list.require("--cmdline", "add kernel parameters");
    list.change(found, withKernelParams(found.value, changes.kernelParams));
  }
  if (changes.consoleLog !== undefined) setConsole(list, changes.consoleLog);
  if (changes.confined === true) confine(list);
  if (changes.vsockCid !== undefined) setVsock(list, changes.vsockCid, changes.apiSocket);
  for (const tag of changes.removeShares ?? []) removeShare(list, tag);
  if (changes.networks !== undefined) setNetworks(list, changes.networks, cpus);
  addDisks(list, changes.addDisks ?? []);
  addShares(list, changes.addShares ?? []);
  if (changes.openable !== undefined && hasLandlock(script.program)) {
    useLandlock(list, changes.openable);
  }
  return list.toScript();
}

/** Whether a program has `--landlock`, by its version in the Nix store: 41 brought it (its release notes). */
function hasLandlock(program: string): boolean {
  return Number(/-cloud-hypervisor-(\d+)\.[^/]*\/bin\//.exec(program)?.[1] ?? 0) >= 41;
}

function useLandlock(list: ArgumentList, openable: readonly string[]): void {
  if (!list.has("--landlock")) list.append("--landlock");
  const rules = openable.map((path) =>
    write([{ key: "path", value: path }, { key: "access", value: "rw" }])
  );
  list.appendValues("--landlock-rules", rules);
}

function refuseOthersChanges(list: ArgumentList, changes: RunnerChanges): void {
  if (changes.acceleration === "tcg") {
    throw list.lacking("cloud-hypervisor runs with KVM only; emulation needs a runner for QEMU");
  }
  if ((changes.vsockPorts ?? []).length > 0) {
    throw list.lacking("cloud-hypervisor has one socket for all vsock ports, not one for each");
  }
}

function setOption(list: ArgumentList, flag: string, key: string, value: string): void {
  const found = list.require(flag, `set ${key}`);
  list.change(found, write(withOption(parse(found.value), key, value)));
}

/**
 * Queues follow the vCPUs: a disk or share may not have more than there are vCPUs, a card has a pair
 * for each, which for the tap means: one pair without IFF_MULTI_QUEUE, several with.
 */
function setCpus(list: ArgumentList, cpus: number): void {
  setOption(list, "--cpus", "boot", `${cpus}`);
  const max = optionValue(parse(list.require("--cpus", "set the vCPUs").value), "max");
  if (Number(max ?? cpus) < cpus) setOption(list, "--cpus", "max", `${cpus}`);
  for (const flag of ["--disk", "--fs"]) {
    for (const value of list.values(flag)) {
      const options = parse(value.value);
      const queues = Number(optionValue(options, "num_queues") ?? 1);
      if (queues > cpus) list.change(value, write(withOption(options, "num_queues", `${cpus}`)));
    }
  }
  for (const value of list.values("--net")) {
    const options = parse(value.value);
    const queues = Number(optionValue(options, "num_queues") ?? 2);
    const isTap = optionValue(options, "tap") !== undefined;
    const wanted = isTap ? 2 * cpus : Math.min(queues, 2 * cpus);
    if (queues !== wanted) {
      list.change(value, write(withOption(options, "num_queues", `${wanted}`)));
    }
  }
}

function setConsole(list: ArgumentList, path: string): void {
  const found = list.require("--serial", "keep the console's log");
  list.replace(found, write([{ key: "file", value: path }]));
}

/** Its filters are on where nothing is said; a runner may say `false` or `log`. */
function confine(list: ArgumentList): void {
  const found = list.values("--seccomp")[0];
  if (found === undefined) list.append("--seccomp", "true");
  else list.change(found, "true");
}

/** The vsock's Unix socket moves beside the control socket: a relative one would lie in the state. */
function setVsock(list: ArgumentList, cid: number | null, apiSocket: string | undefined): void {
  if (cid === null) return list.removeFlags("--vsock");
  const found = list.values("--vsock")[0];
  const old = parse(found?.value ?? `socket=vsock.sock`);
  const socket = optionValue(old, "socket") ?? "vsock.sock";
  const place = apiSocket === undefined || socket.startsWith("/")
    ? socket
    : joinPath(parentOf(apiSocket), nameOf(socket));
  const options = write(withOption(withOption(old, "cid", `${cid}`), "socket", place));
  if (found === undefined) list.append("--vsock", options);
  else list.change(found, options);
}

function removeShare(list: ArgumentList, tag: string): void {
  const hasTag = (value: string) => optionValue(parse(value), "tag") === tag;
  if (!list.values("--fs").some(({ value }) => hasTag(value))) {
    throw list.lacking(`it has no share "${tag}"`);
  }
  list.removeValues("--fs", hasTag);
}

function setNetworks(list: ArgumentList, networks: readonly RunnerNetwork[], cpus: number): void {
  list.removeValues("--net");
  const values = networks.map(({ kind, tap, mac }) => {
    if (kind !== "tap" || tap === undefined) {
      throw list.lacking(`cloud-hypervisor has no "${kind}" network`);
    }
    return write([
      ...(mac === undefined ? [] : [{ key: "mac", value: mac }]),
      { key: "num_queues", value: `${2 * cpus}` },
      { key: "tap", value: tap },
    ]);
  });
  list.appendValues("--net", values);
}

/** `image_type` is given where the runner's own disks have it: cloud-hypervisor 51 brought it. */
function addDisks(list: ArgumentList, disks: readonly RunnerDisk[]): void {
  const knowsImageType = list.values("--disk").some(({ value }) =>
    optionValue(parse(value), "image_type") !== undefined
  );
  list.appendValues(
    "--disk",
    disks.map(({ path, readonly, id, serial }) =>
      write([
        ...(knowsImageType ? [{ key: "image_type", value: "raw" }] : []),
        { key: "path", value: path },
        { key: "readonly", value: readonly ? "on" : "off" },
        ...(id === undefined ? [] : [{ key: "id", value: id }]),
        ...(serial === undefined ? [] : [{ key: "serial", value: serial }]),
      ])
    ),
  );
}

/** virtiofsd maps the guest's memory, so that must be shared. */
function addShares(list: ArgumentList, shares: readonly RunnerShare[]): void {
  if (shares.length === 0) return;
  const memory = list.require("--memory", "share directories");
  if (!isOn(parse(memory.value), "shared")) setOption(list, "--memory", "shared", "on");
  list.appendValues(
    "--fs",
    shares.map(({ tag, socket, id }) => {
      if (socket === undefined) throw list.lacking(`the share "${tag}" has no virtiofsd`);
      return write([
        { key: "socket", value: socket },
        { key: "tag", value: tag },
        ...(id === undefined ? [] : [{ key: "id", value: id }]),
      ]);
    }),
  );
}
