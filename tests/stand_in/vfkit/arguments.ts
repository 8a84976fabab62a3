/**
 * The command line of vfkit 0.6.3, read as its code reads it (cmd/vfkit/main.go, pkg/cmdline,
 * pkg/config): what that refuses is refused here, with as much detail.
 */

/** A command line that vfkit would end at. */
export class UsageError extends Error {}

export interface Disk {
  readonly path: string;
  readonly readonly: boolean;
  readonly id: string | undefined;
}
export interface Share {
  readonly directory: string;
  readonly tag: string;
}
export interface VsockPort {
  readonly port: number;
  readonly path: string;
  readonly direction: "listen" | "connect";
}

/** What one command line asks for. */
export interface Machine {
  readonly cpus: number;
  readonly memoryMB: number;
  readonly kernel: string;
  readonly initrd: string;
  readonly cmdline: string;
  readonly disks: readonly Disk[];
  readonly shares: readonly Share[];
  readonly ports: readonly VsockPort[];
  /** MAC of each card on macOS' NAT. */
  readonly cards: readonly (string | undefined)[];
  readonly consoleLog: string | undefined;
  readonly apiSocket: string | undefined;
  readonly rosettaTag: string | undefined;
}

const valued = new Set([
  ...["--cpus", "-c", "--memory", "-m", "--bootloader", "-b", "--device", "-d"],
  ...["--restful-uri", "--log-level", "--pidfile", "--timesync", "--ignition", "--cloud-init"],
]);

/** @throws {UsageError} as vfkit does. */
export function parseCommandLine(words: readonly string[], isTerminal: boolean): Machine {
  const given: [flag: string, value: string][] = [];
  for (let index = 0; index < words.length; index++) {
    const [flag = "", ...rest] = (words[index] ?? "").split("=");
    if (!valued.has(flag)) throw new UsageError(`unknown flag: ${words[index]}`);
    const value = rest.length > 0 ? rest.join("=") : words[++index];
    if (value === undefined) throw new UsageError(`flag needs an argument: ${flag}`);
    given.push([flag, value]);
  }
  const all = (...flags: string[]) =>
    given.filter(([flag]) => flags.includes(flag)).map(([, value]) => value);
  const number = (text: string, what: string) => {
    if (!/^\d+$/.test(text)) throw new UsageError(`invalid argument "${text}" for "${what}"`);
    return Number(text);
  };
  const loader = optionsOf(all("--bootloader", "-b")[0] ?? "", "bootloader");
  if (loader.kind !== "linux") throw new UsageError(`unknown bootloader type: ${loader.kind}`);
  known(loader.options, ["kernel", "initrd", "cmdline"]);
  const devices = all("--device", "-d").map((text) => optionsOf(text, "device"));
  const of = (kind: string) => devices.filter((device) => device.kind === kind);
  for (const { kind } of devices) {
    if (!kinds.has(kind)) throw new UsageError(`unknown device type: ${kind}`);
  }
  return {
    cpus: number(all("--cpus", "-c").at(-1) ?? "1", "--cpus"),
    memoryMB: number(all("--memory", "-m").at(-1) ?? "512", "--memory"),
    kernel: loader.options.get("kernel") ?? "",
    initrd: loader.options.get("initrd") ?? "",
    cmdline: loader.options.get("cmdline") ?? "",
    disks: of("virtio-blk").map(({ options }) => disk(options)),
    shares: of("virtio-fs").map(({ options }) => share(options)),
    ports: of("virtio-vsock").map(({ options }) => vsockPort(options)),
    cards: of("virtio-net").map(({ options }) => card(options)),
    consoleLog: consoleLog(of("virtio-serial").map(({ options }) => options), isTerminal),
    apiSocket: apiSocket(all("--restful-uri").at(-1)),
    rosettaTag: of("rosetta").map(({ options }) => {
      known(options, ["mountTag", "install", "ignore-if-missing"]);
      return options.get("mountTag");
    })[0],
  };
}

const kinds = new Set([
  ...["virtio-blk", "virtio-fs", "virtio-net", "virtio-vsock", "virtio-serial", "virtio-rng"],
  ...["virtio-balloon", "rosetta"],
]);

type Options = ReadonlyMap<string, string>;

/** A plain split at commas, but within double quotes; there is no escape. */
function optionsOf(text: string, what: string): { kind: string; options: Options } {
  const parts = text.match(/(?:"[^"]*"|[^,"])+/g) ?? [];
  const [kind, ...rest] = parts;
  if (kind === undefined) {
    throw new UsageError(`empty ${what} option list in command line argument`);
  }
  return {
    kind,
    options: new Map(rest.map((part) => {
      const [key = "", ...value] = part.split("=");
      return [key, value.join("=").replace(/^"(.*)"$/, "$1")];
    })),
  };
}

function known(options: Options, names: readonly string[]): void {
  for (const name of options.keys()) {
    if (!names.includes(name)) throw new UsageError(`unknown option: ${name}`);
  }
}

function disk(options: Options): Disk {
  known(options, ["path", "type", "readonly", "deviceId"]);
  const path = options.get("path") ?? "";
  const { size } = Deno.statSync(path);
  if (size === 0) throw new UsageError(`invalid disk image: ${path} is empty`);
  return { path, readonly: options.has("readonly"), id: options.get("deviceId") };
}

function share(options: Options): Share {
  known(options, ["sharedDir", "mountTag"]);
  const directory = options.get("sharedDir") ?? "";
  if (!Deno.statSync(directory).isDirectory) {
    throw new UsageError(`${directory} is not a directory`);
  }
  return { directory, tag: options.get("mountTag") ?? "" };
}

function vsockPort(options: Options): VsockPort {
  known(options, ["port", "socketURL", "listen", "connect"]);
  const path = options.get("socketURL") ?? "";
  const port = Number(options.get("port"));
  if (!(port > 0)) throw new UsageError("invalid vsock port");
  requireSocketPath(path);
  return { port, path, direction: options.has("connect") ? "connect" : "listen" };
}

function card(options: Options): string | undefined {
  known(options, ["nat", "mac"]);
  if (!options.has("nat")) throw new UsageError("virtio-net: one backend is needed");
  return options.get("mac");
}

/** vfkit makes stdin raw (Tcgetattr), and ends where that is not a terminal. */
function consoleLog(devices: readonly Options[], isTerminal: boolean): string | undefined {
  for (const options of devices) {
    known(options, ["logFilePath", "stdio", "pty"]);
    if (options.has("stdio") && !isTerminal) {
      throw new UsageError("inappropriate ioctl for device");
    }
  }
  return devices[0]?.get("logFilePath");
}

/** `unix://rel` has the host rel; none:// is not a service. */
function apiSocket(uri: string | undefined): string | undefined {
  if (uri === undefined || uri === "none://") return undefined;
  const path = /^unix:\/\/(\/.*)$/.exec(uri)?.[1];
  if (path === undefined) throw new UsageError(`invalid unix uri: ${uri}`);
  requireSocketPath(path);
  return path;
}

/** sockaddr_un of macOS has 104 bytes, the last for NUL; paths go through Go's url.Parse. */
function requireSocketPath(path: string): void {
  if (!path.startsWith("/")) throw new UsageError(`invalid socket path: ${path}`);
  if (new TextEncoder().encode(path).length > 103) {
    throw new UsageError(`bind: invalid argument: ${path}`);
  }
  if (/[ %?#]/.test(path)) throw new UsageError(`the socket would be elsewhere than at ${path}`);
}
