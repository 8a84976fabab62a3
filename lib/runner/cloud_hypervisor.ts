import { ArgumentList } from "./arguments.ts";
import {
  cloudHypervisorSyntax as syntax,
  type Option,
  optionValue,
  parseOptions,
  sizeMB,
  withOption,
  withoutOption,
  writeOptions,
} from "./options.ts";
import type { RunnerScript } from "./script.ts";
import type { RunnerChanges, RunnerDisk, RunnerNetwork, RunnerShare, RunnerView } from "./types.ts";

/** Flags as microvm.nix's lib/runners/cloud-hypervisor.nix writes them; lists follow one flag. */
const parse = (text: string) => parseOptions(text, syntax);
const write = (options: readonly Option[]) => writeOptions(options, syntax);

export function readCloudHypervisor(script: RunnerScript): Omit<RunnerView, "hypervisor"> {
  const list = new ArgumentList(script);
  const cid = optionValue(parse(list.values("--vsock")[0]?.value ?? ""), "cid");
  const socket = list.values("--api-socket")[0]?.value;
  return {
    cpus: readCpus(list),
    memoryMB: readMemory(list),
    disks: list.manyValues("--disk").map(({ value }) => readDisk(parse(value))),
    shares: list.manyValues("--fs").map(({ value }) => readShare(parse(value))),
    networks: list.manyValues("--net").map(({ value }) => readNetwork(parse(value))),
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
  const id = optionValue(options, "id");
  const serial = optionValue(options, "serial");
  return {
    path: optionValue(options, "path") ?? "",
    readonly: /^(on|true)$/.test(optionValue(options, "readonly") ?? ""),
    ...(id === undefined ? {} : { id }),
    ...(serial === undefined ? {} : { serial }),
  };
}

function readShare(options: readonly Option[]): RunnerShare {
  const id = optionValue(options, "id");
  const socket = optionValue(options, "socket");
  return {
    tag: optionValue(options, "tag") ?? "",
    ...(socket === undefined ? {} : { socket }),
    ...(id === undefined ? {} : { id }),
  };
}

function readNetwork(options: readonly Option[]): RunnerNetwork {
  const tap = optionValue(options, "tap");
  const mac = optionValue(options, "mac");
  return {
    kind: tap === undefined ? "other" : "tap",
    ...(tap === undefined ? {} : { tap }),
    ...(mac === undefined ? {} : { mac }),
  };
}

export function patchCloudHypervisor(script: RunnerScript, changes: RunnerChanges): RunnerScript {
  const list = new ArgumentList(script);
  const cpus = changes.cpus ?? readCpus(list);
  if (changes.cpus !== undefined) setCpus(list, cpus);
  if (changes.memoryMB !== undefined) setOption(list, "--memory", "size", `${changes.memoryMB}M`);
  if (changes.apiSocket !== undefined) {
    const purpose = "control the guest (microvm.socket must be set)";
    list.set(list.require("--api-socket", purpose), changes.apiSocket);
  }
  if (changes.kernelParams !== undefined && changes.kernelParams.length > 0) {
    const found = list.require("--cmdline", "add kernel parameters");
    list.set(found, [found.value, ...changes.kernelParams].join(" "));
  }
  if (changes.consoleLog !== undefined) setConsole(list, changes.consoleLog);
  if (changes.vsockCid !== undefined) setVsock(list, changes.vsockCid, changes.apiSocket);
  for (const tag of changes.removeShares ?? []) removeShare(list, tag);
  if (changes.networks !== undefined) setNetworks(list, changes.networks, cpus);
  addDisks(list, changes.addDisks ?? []);
  addShares(list, changes.addShares ?? []);
  return list.toScript();
}

function setOption(list: ArgumentList, flag: string, key: string, value: string): void {
  const found = list.require(flag, `set ${key}`);
  list.set(found, write(withOption(parse(found.value), key, value)));
}

/**
 * Queues follow the vCPUs: a disk or share may not have more than there are vCPUs, a card has a pair
 * for each, which for the tap means: one pair without IFF_MULTI_QUEUE, several with.
 */
function setCpus(list: ArgumentList, cpus: number): void {
  setOption(list, "--cpus", "boot", `${cpus}`);
  const found = list.require("--cpus", "set the number of vCPUs");
  const max = Number(optionValue(parse(found.value), "max") ?? cpus);
  if (max < cpus) setOption(list, "--cpus", "max", `${cpus}`);
  for (const flag of ["--disk", "--fs"]) {
    for (const value of list.manyValues(flag)) {
      const options = parse(value.value);
      const queues = Number(optionValue(options, "num_queues") ?? 1);
      if (queues > cpus) list.set(value, write(withOption(options, "num_queues", `${cpus}`)));
    }
  }
  for (const value of list.manyValues("--net")) {
    list.set(value, write(withOption(parse(value.value), "num_queues", `${2 * cpus}`)));
  }
}

function setConsole(list: ArgumentList, path: string): void {
  list.set(list.require("--serial", "keep the console's log"), `file=${path}`);
}

/** The vsock's Unix socket moves beside the control socket: a relative one would lie in the state. */
function setVsock(list: ArgumentList, cid: number | null, apiSocket: string | undefined): void {
  const found = list.values("--vsock")[0];
  if (cid === null) return list.removeFlags("--vsock", () => true);
  const directory = apiSocket?.slice(0, apiSocket.lastIndexOf("/")) ?? ".";
  const options = [{ key: "cid", value: `${cid}` }, {
    key: "socket",
    value: `${directory}/vsock.sock`,
  }];
  if (found === undefined) list.append("--vsock", write(options));
  else list.set(found, write(options));
}

function removeShare(list: ArgumentList, tag: string): void {
  const hasTag = (value: string) => optionValue(parse(value), "tag") === tag;
  if (!list.manyValues("--fs").some(({ value }) => hasTag(value))) {
    throw list.lacking(`it has no share "${tag}"`);
  }
  list.removeMany("--fs", hasTag);
}

function setNetworks(list: ArgumentList, networks: readonly RunnerNetwork[], cpus: number): void {
  list.removeMany("--net", () => true);
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
  list.appendMany("--net", values);
}

/** `image_type` is given where the runner's own disks have it: cloud-hypervisor 51 brought it. */
function addDisks(list: ArgumentList, disks: readonly RunnerDisk[]): void {
  const knowsImageType = list.manyValues("--disk").some(({ value }) => /image_type=/.test(value));
  list.appendMany(
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

function addShares(list: ArgumentList, shares: readonly RunnerShare[]): void {
  if (shares.length === 0) return;
  const memory = list.require("--memory", "share directories");
  // virtiofsd maps the guest's memory; "mergeable" is for memory that nobody shares.
  const options = withOption(withoutOption(parse(memory.value), "mergeable"), "shared", "on");
  list.set(memory, write(options));
  list.appendMany(
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
