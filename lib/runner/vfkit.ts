import { ArgumentList, type FlagValue } from "./arguments.ts";
import { withKernelParams } from "./kernel_params.ts";
import { lexSimpleCommand } from "./lexer.ts";
import {
  namedValues,
  type Option,
  optionValue,
  parseOptions,
  vfkitSyntax as syntax,
  withOption,
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
} from "./view.ts";

const parse = (text: string) => parseOptions(text, syntax);
const write = (options: readonly Option[]) => writeOptions(options, syntax);

/** vfkit's flags without a value (its cmd/vfkit/root.go). */
const switches = new Set(["--gui", "--nested", "-n"]);

/** Flags as vfkit's doc/usage.md and microvm.nix's lib/runners/vfkit.nix have them. */
function argumentsOf(script: RunnerScript): ArgumentList {
  return new ArgumentList(script, (flag, [next]) => {
    const isAlone = next === undefined || switches.has(flag) || flag.includes("=");
    return isAlone || (typeof next !== "string" && !next.isOneWord) ? 0 : 1;
  });
}

interface Device extends FlagValue {
  readonly kind: string;
  readonly options: readonly Option[];
}

function devicesOf(list: ArgumentList, kind: string): Device[] {
  return list.values("--device")
    .map((found) => ({ ...found, options: parse(found.value) }))
    .map((found) => ({ ...found, kind: found.options[0]?.key ?? "" }))
    .filter((device) => device.kind === kind);
}

/**
 * Other spellings of what nixbox changes, and flags that lead to the guest in their own ways. Such a
 * word would be passed over: a card or a port would stay that the config does not allow.
 */
const unread =
  /^(-[cmbd]|--(cpus|memory|bootloader|device|restful-uri)=|--(ignition|timesync|cloud-init)\b)/;

function requireReadable(list: ArgumentList): void {
  const word = list.script.argv.find((word) => typeof word === "string" && unread.test(word));
  if (typeof word === "string") {
    throw list.lacking(
      `nixbox reads vfkit's long flags with their values behind them, not ${word}`,
    );
  }
  if (list.values("--restful-uri").length > 1) throw list.lacking("it has several --restful-uri");
}

/** @throws {NixboxError} with the line if the runner lacks what every machine has. */
export function readVfkit(script: RunnerScript): Omit<RunnerView, "hypervisor"> {
  const list = argumentsOf(script);
  requireReadable(list);
  const loader = list.require("--bootloader", "start the guest");
  const { kernel, initrd, cmdline } = namedValues(parse(loader.value), {
    kernel: "kernel",
    initrd: "initrd",
    cmdline: "cmdline",
  });
  if (kernel === undefined) throw list.lacking("its --bootloader has no kernel=", loader.line);
  const apiSocket = readSocket(list);
  return {
    cpus: readNumber(list, "--cpus"),
    memoryMB: readNumber(list, "--memory"),
    disks: devicesOf(list, "virtio-blk").map(({ options }) => readDisk(options)),
    shares: devicesOf(list, "virtio-fs").map(({ options }) => readShare(options)),
    networks: devicesOf(list, "virtio-net").map(({ options }) => readNetwork(options)),
    vsockPorts: devicesOf(list, "virtio-vsock").map(({ options }) => readPort(options)),
    kernel,
    initrd,
    cmdline: cmdline ?? "",
    ...(apiSocket === undefined ? {} : { apiSocket }),
  };
}

function readNumber(list: ArgumentList, flag: "--cpus" | "--memory"): number {
  const found = list.require(flag, "set it");
  if (/^\d+$/.test(found.value)) return Number(found.value);
  throw list.lacking(`${flag} ${found.value} is not a number`, found.line);
}

/** With a socket, microvm.nix's script makes its path absolute itself: SOCKET_ABS holds it. */
function readSocket(list: ArgumentList): string | undefined {
  const uri = list.values("--restful-uri")[0]?.value;
  if (uri === undefined || uri === "none://") return undefined;
  if (!uri.includes("$SOCKET_ABS")) return uri.replace(/^unix:\/\//, "");
  const assignment = /^\s*(SOCKET_ABS=.*)$/m.exec(list.script.prelude)?.[1] ?? "";
  const [word] = lexSimpleCommand(assignment).words;
  return typeof word === "string" ? word.slice("SOCKET_ABS=".length) : undefined;
}

function readDisk(options: readonly Option[]): RunnerDisk {
  return {
    path: optionValue(options, "path") ?? "",
    readonly: options.some(({ key }) => key === "readonly"),
    // The guest sees the id as the disk's serial: /dev/disk/by-id/virtio-ID.
    ...namedValues(options, { id: "deviceId", serial: "deviceId" }),
  };
}

function readShare(options: readonly Option[]): RunnerShare {
  return {
    tag: optionValue(options, "mountTag") ?? "",
    ...namedValues(options, { source: "sharedDir" }),
  };
}

function readNetwork(options: readonly Option[]): RunnerNetwork {
  return { kind: options[1]?.key ?? "", ...namedValues(options, { mac: "mac" }) };
}

function readPort(options: readonly Option[]): RunnerVsockPort {
  return {
    port: Number(optionValue(options, "port")),
    socket: optionValue(options, "socketURL") ?? "",
    direction: options.some(({ key }) => key === "connect") ? "connect" : "listen",
  };
}

/** @throws {NixboxError} with the line if the runner lacks what a change needs. */
export function patchVfkit(script: RunnerScript, changes: RunnerChanges): RunnerScript {
  const list = argumentsOf(script);
  refuseOthersChanges(list, changes);
  if (changes.cpus !== undefined) {
    list.replace(list.require("--cpus", "set the number of vCPUs"), `${changes.cpus}`);
  }
  if (changes.memoryMB !== undefined) {
    list.replace(list.require("--memory", "set the memory"), `${changes.memoryMB}`);
  }
  if (changes.apiSocket !== undefined) setSocket(list, changes.apiSocket);
  if (changes.consoleLog !== undefined) setConsole(list, changes.consoleLog);
  addKernelParams(list, changes.kernelParams ?? []);
  for (const tag of changes.removeShares ?? []) removeShare(list, tag);
  if (changes.networks !== undefined) setNetworks(list, changes.networks);
  if (changes.vsockPorts !== undefined) setPorts(list, changes.vsockPorts);
  if (changes.rosetta === true) addRosetta(list);
  for (const disk of changes.addDisks ?? []) addDisk(list, disk);
  for (const share of changes.addShares ?? []) addShare(list, share);
  return list.toScript();
}

function refuseOthersChanges(list: ArgumentList, changes: RunnerChanges): void {
  if (changes.acceleration === "tcg") throw list.lacking("vfkit does not emulate");
  if ((changes.hotPlugPorts ?? 0) > 0) throw list.lacking("vfkit adds nothing while a guest runs");
  if (typeof changes.vsockCid === "number") throw list.lacking("vfkit gives its guest no CID");
}

/** vfkit takes its device strings apart at every comma and has no way to quote one. */
function requirePlain(list: ArgumentList, what: string, value: string): string {
  if (!/[,\s"]/.test(value)) return value;
  throw list.lacking(`vfkit cannot take the ${what} "${value}": it has a comma, space or quote`);
}

function requirePlainPath(list: ArgumentList, path: string): string {
  if (path.startsWith("/")) return requirePlain(list, "path", path);
  throw list.lacking(`vfkit needs absolute paths, and "${path}" is not`);
}

/** Socket paths are read as URLs: vfkit listens at the path that remains after decoding. */
function requireUrlPath(list: ArgumentList, path: string): string {
  if (!/[%?#]/.test(path)) return requirePlainPath(list, path);
  throw list.lacking(`vfkit cannot take the socket path "${path}": it has one of %, ? and #`);
}

function setSocket(list: ArgumentList, path: string): void {
  const uri = `unix://${requireUrlPath(list, path)}`;
  const found = list.values("--restful-uri")[0];
  if (found === undefined) list.append("--restful-uri", uri);
  else list.replace(found, uri);
}

/** `stdio` makes vfkit exit where stdin is not a terminal. */
function setConsole(list: ArgumentList, path: string): void {
  list.removeFlags("--device", (value) => parse(value)[0]?.key === "virtio-serial");
  list.append("--device", `virtio-serial,logFilePath=${requirePlainPath(list, path)}`);
}

/** The whole command line stands in double quotes, as microvm.nix writes it. */
function addKernelParams(list: ArgumentList, params: readonly string[]): void {
  if (params.length === 0) return;
  const found = list.require("--bootloader", "add kernel parameters");
  const options = parse(found.value);
  const cmdline = withKernelParams(optionValue(options, "cmdline") ?? "", params);
  const spelling = `cmdline="${cmdline}"`;
  const changed = withOption(options, "cmdline", cmdline)
    .map((option) => option.key === "cmdline" ? { ...option, spelling } : option);
  list.change(found, write(changed));
}

function removeShare(list: ArgumentList, tag: string): void {
  const share = devicesOf(list, "virtio-fs")
    .find(({ options }) => optionValue(options, "mountTag") === tag);
  if (share === undefined) throw list.lacking(`it has no share "${tag}"`);
  list.removeFlags("--device", (value) => value === share.value);
}

function setNetworks(list: ArgumentList, networks: readonly RunnerNetwork[]): void {
  list.removeFlags("--device", (value) => parse(value)[0]?.key === "virtio-net");
  for (const { kind, mac } of networks) {
    if (kind !== "nat") throw list.lacking(`vfkit has no "${kind}" network`);
    list.append("--device", `virtio-net,nat${mac === undefined ? "" : `,mac=${mac}`}`);
  }
}

/** Without options: vfkit's documentation spells them in a way that its code refuses. */
function addRosetta(list: ArgumentList): void {
  list.removeFlags("--device", (value) => parse(value)[0]?.key === "rosetta");
  list.append("--device", "rosetta,mountTag=rosetta");
}

function setPorts(list: ArgumentList, ports: readonly RunnerVsockPort[]): void {
  list.removeFlags("--device", (value) => parse(value)[0]?.key === "virtio-vsock");
  for (const { port, socket, direction } of ports) {
    const path = requireUrlPath(list, socket);
    list.append("--device", `virtio-vsock,port=${port},socketURL=${path},${direction}`);
  }
}

function addDisk(list: ArgumentList, { path, readonly, id, serial }: RunnerDisk): void {
  const deviceId = serial ?? id;
  const options = [
    `virtio-blk,path=${requirePlainPath(list, path)}`,
    ...(readonly ? ["readonly"] : []),
    ...(deviceId === undefined ? [] : [`deviceId=${requirePlain(list, "id", deviceId)}`]),
  ];
  list.append("--device", options.join(","));
}

/** vfkit serves the directory itself, and cannot make it read-only. */
function addShare(list: ArgumentList, { tag, source }: RunnerShare): void {
  if (source === undefined) throw list.lacking(`the share "${tag}" has no directory`);
  const path = requirePlainPath(list, source);
  list.append("--device", `virtio-fs,sharedDir=${path},mountTag=${requirePlain(list, "tag", tag)}`);
}
