import { ArgumentList, type FlagValue } from "./arguments.ts";
import {
  type Option,
  optionValue,
  parseOptions,
  vfkitSyntax as syntax,
  writeOptions,
} from "./options.ts";
import type { RunnerScript } from "./script.ts";
import type {
  RunnerChanges,
  RunnerDisk,
  RunnerNetwork,
  RunnerShare,
  RunnerView,
  RunnerVsockPort,
} from "./types.ts";

/** Flags as vfkit's doc/usage.md and microvm.nix's lib/runners/vfkit.nix have them. */
const parse = (text: string) => parseOptions(text, syntax);
const write = (options: readonly Option[]) => writeOptions(options, syntax);

interface Device extends FlagValue {
  readonly kind: string;
  readonly options: readonly Option[];
}

function devices(list: ArgumentList): Device[] {
  return list.values("--device").map((found) => {
    const options = parse(found.value);
    return { ...found, kind: options[0]?.key ?? "", options };
  });
}

export function readVfkit(script: RunnerScript): Omit<RunnerView, "hypervisor"> {
  const list = new ArgumentList(script);
  const loader = parse(list.require("--bootloader", "start the guest").value);
  const all = devices(list);
  const socket = readSocket(list, script);
  return {
    cpus: readNumber(list, "--cpus"),
    memoryMB: readNumber(list, "--memory"),
    disks: all.filter(({ kind }) => kind === "virtio-blk").map(({ options }) => readDisk(options)),
    shares: all.filter(({ kind }) => kind === "virtio-fs").map(({ options }) => readShare(options)),
    networks: all.filter(({ kind }) => kind === "virtio-net").map(({ options }) =>
      readNetwork(options)
    ),
    vsockPorts: all.filter(({ kind }) => kind === "virtio-vsock").map(({ options }) =>
      readPort(options)
    ),
    kernel: optionValue(loader, "kernel") ?? "",
    initrd: optionValue(loader, "initrd"),
    cmdline: (optionValue(loader, "cmdline") ?? "").replace(/^"(.*)"$/s, "$1"),
    ...(socket === undefined ? {} : { apiSocket: socket }),
  };
}

function readNumber(list: ArgumentList, flag: "--cpus" | "--memory"): number {
  const found = list.require(
    flag,
    flag === "--cpus" ? "set the number of vCPUs" : "set the memory",
  );
  const number = Number(found.value);
  if (!Number.isInteger(number)) {
    throw list.lacking(`${flag} ${found.value} is no number`, found.line);
  }
  return number;
}

/** With a socket, microvm.nix's script makes its path absolute itself: SOCKET_ABS holds it. */
function readSocket(list: ArgumentList, script: RunnerScript): string | undefined {
  const uri = list.values("--restful-uri")[0]?.value;
  if (uri === undefined) return undefined;
  const variable = /^SOCKET_ABS=(\S+)$/m.exec(script.prelude)?.[1];
  if (uri.includes("$SOCKET_ABS")) return variable;
  return uri.replace(/^unix:\/\//, "");
}

function readDisk(options: readonly Option[]): RunnerDisk {
  const id = optionValue(options, "deviceId");
  return {
    path: optionValue(options, "path") ?? "",
    readonly: options.some(({ key }) => key === "readonly"),
    // The guest sees the id as the disk's serial: /dev/disk/by-id/virtio-ID.
    ...(id === undefined ? {} : { id, serial: id }),
  };
}

function readShare(options: readonly Option[]): RunnerShare {
  return {
    tag: optionValue(options, "mountTag") ?? "",
    source: optionValue(options, "sharedDir") ?? "",
  };
}

function readNetwork(options: readonly Option[]): RunnerNetwork {
  const mac = optionValue(options, "mac");
  return { kind: options[1]?.key ?? "", ...(mac === undefined ? {} : { mac }) };
}

function readPort(options: readonly Option[]): RunnerVsockPort {
  return {
    port: Number(optionValue(options, "port")),
    socket: optionValue(options, "socketURL") ?? "",
    direction: options.some(({ key }) => key === "connect") ? "connect" : "listen",
  };
}

export function patchVfkit(script: RunnerScript, changes: RunnerChanges): RunnerScript {
  const list = new ArgumentList(script);
  if (changes.cpus !== undefined) {
    list.set(list.require("--cpus", "set the number of vCPUs"), `${changes.cpus}`);
  }
  if (changes.memoryMB !== undefined) {
    list.set(list.require("--memory", "set the memory"), `${changes.memoryMB}`);
  }
  if (changes.apiSocket !== undefined) setSocket(list, changes.apiSocket);
  if (changes.consoleLog !== undefined) setConsole(list, changes.consoleLog);
  addKernelParams(list, changes.kernelParams ?? []);
  for (const tag of changes.removeShares ?? []) removeShare(list, tag);
  if (changes.networks !== undefined) setNetworks(list, changes.networks);
  if (changes.vsockPorts !== undefined) setPorts(list, changes.vsockPorts);
  for (const disk of changes.addDisks ?? []) addDisk(list, disk);
  for (const share of changes.addShares ?? []) addShare(list, share);
  return list.toScript();
}

/** vfkit takes its device strings apart at every comma and has no way to quote one. */
function requirePlainPath(list: ArgumentList, path: string): string {
  if (/[,\s"]/.test(path) || !path.startsWith("/")) {
    throw list.lacking(
      `vfkit cannot take the path "${path}": it must be absolute, without commas or spaces`,
    );
  }
  return path;
}

function setSocket(list: ArgumentList, path: string): void {
  const uri = `unix://${requirePlainPath(list, path)}`;
  const found = list.values("--restful-uri")[0];
  if (found === undefined) list.append("--restful-uri", uri);
  else list.set(found, uri);
}

/** `stdio` makes vfkit exit where stdin is no terminal. */
function setConsole(list: ArgumentList, path: string): void {
  list.removeFlags("--device", (value) => value.startsWith("virtio-serial"));
  list.append("--device", `virtio-serial,logFilePath=${requirePlainPath(list, path)}`);
}

function addKernelParams(list: ArgumentList, params: readonly string[]): void {
  if (params.length === 0) return;
  const found = list.require("--bootloader", "add kernel parameters");
  const options = parse(found.value).map(({ key, value }) => {
    if (key !== "cmdline") return value === undefined ? { key } : { key, value };
    const cmdline = (value ?? "").replace(/^"(.*)"$/s, "$1");
    return { key, value: `"${[cmdline, ...params].join(" ")}"` };
  });
  list.set(found, write(options));
}

function removeShare(list: ArgumentList, tag: string): void {
  const isShare = (value: string) =>
    value.startsWith("virtio-fs,") && optionValue(parse(value), "mountTag") === tag;
  if (!list.values("--device").some(({ value }) => isShare(value))) {
    throw list.lacking(`it has no share "${tag}"`);
  }
  list.removeFlags("--device", isShare);
}

function setNetworks(list: ArgumentList, networks: readonly RunnerNetwork[]): void {
  list.removeFlags("--device", (value) => value.startsWith("virtio-net"));
  for (const { kind, mac } of networks) {
    if (kind !== "nat") throw list.lacking(`vfkit has no "${kind}" network`);
    list.append("--device", `virtio-net,nat${mac === undefined ? "" : `,mac=${mac}`}`);
  }
}

function setPorts(list: ArgumentList, ports: readonly RunnerVsockPort[]): void {
  list.removeFlags("--device", (value) => value.startsWith("virtio-vsock"));
  for (const { port, socket, direction } of ports) {
    const path = requirePlainPath(list, socket);
    list.append("--device", `virtio-vsock,port=${port},socketURL=${path},${direction}`);
  }
}

function addDisk(list: ArgumentList, { path, readonly, id, serial }: RunnerDisk): void {
  const deviceId = serial ?? id;
  const options = [
    `virtio-blk,path=${requirePlainPath(list, path)}`,
    ...(readonly ? ["readonly"] : []),
    ...(deviceId === undefined ? [] : [`deviceId=${deviceId}`]),
  ];
  list.append("--device", options.join(","));
}

/** vfkit serves the directory itself, and cannot make it read-only. */
function addShare(list: ArgumentList, { tag, source }: RunnerShare): void {
  if (source === undefined) throw list.lacking(`the share "${tag}" has no directory`);
  list.append("--device", `virtio-fs,sharedDir=${requirePlainPath(list, source)},mountTag=${tag}`);
}
