import type { Host } from "../../host/host.ts";
import { exists } from "../../host/files/files.ts";
import { run } from "../../host/process/run.ts";
import type { Check } from "./check.ts";
import { isPlainPath } from "../boot/macos/vfkit_path.ts";

/** What machines need of macOS, beside the tools. Facts of releases are those of vfkit's documentation. */
export async function macosChecks(host: Host): Promise<readonly Check[]> {
  const version = await host.version();
  const major = Number(/macOS (\d+)/.exec(version)?.[1]);
  return (await Promise.all([
    checkVersion(version, major),
    checkVfkit(host),
    checkConfinement(host),
    checkRosetta(),
    checkPaths(host),
    checkLocalNetwork(major),
    checkFirewall(),
  ])).flat();
}

/** vfkit recommends macOS 14; virtiofs and vsock came with 12. */
function checkVersion(version: string, major: number): Check {
  if (major >= 14) return { name: "macOS", state: "ok", detail: version };
  return {
    name: "macOS",
    state: major >= 13 ? "warning" : "missing",
    detail: `${version}: vfkit is meant for macOS 14 and later`,
    hint: "update macOS in System Settings > General > Software Update",
  };
}

/** `virtio-net,type=` and an orderly end by SIGTERM came with 0.6.2; the version is one line. */
async function checkVfkit(host: Host): Promise<readonly Check[]> {
  const vfkit = await host.which("vfkit");
  // It comes with the machine that Nix builds; one on PATH is for `--runner` and for a look at it.
  if (vfkit === undefined) return [];
  const name = "vfkit version";
  const stdout = await saidBy([vfkit, "--version"]);
  const [, text = "", major, minor] = /v?((\d+)\.(\d+)\.\d+)/.exec(stdout) ?? [];
  const isOld = Number(major) === 0 && Number(minor) < 6;
  if (text !== "" && !isOld) return [{ name, state: "ok", detail: text }];
  return [{
    name,
    state: "warning",
    detail: text === "" ? "vfkit does not tell its version" : `${text}: nixbox is made for 0.6`,
    hint: "`brew upgrade vfkit`, or leave it: machines that Nix builds bring their own",
  }];
}

/** Empty where a program cannot be started, or does not end. */
async function saidBy(argv: readonly string[]): Promise<string> {
  try {
    return (await run(argv, { accept: "any", timeoutMs: 10_000 })).stdout;
  } catch {
    return "";
  }
}

async function checkConfinement(host: Host): Promise<Check> {
  const name = "sandbox";
  if (await host.confinement() !== undefined) {
    return { name, state: "ok", detail: "programs that talk to a guest are confined" };
  }
  return {
    name,
    state: "warning",
    detail: "there is no sandbox-exec: no share can go over SSH, and so none be read-only",
    hint: "it is a part of macOS (/usr/bin/sandbox-exec): fix PATH",
  };
}

/** Where macOS has it once it is installed. */
async function checkRosetta(): Promise<Check> {
  const isThere = await exists("/Library/Apple/usr/share/rosetta");
  return {
    name: "Rosetta",
    state: "ok",
    detail: isThere ? "installed" : "not installed; only rosetta = true needs it",
    ...(isThere ? {} : { hint: "`softwareupdate --install-rosetta`" }),
  };
}

/** vfkit takes no comma and no blank in the paths of its sockets and disks. */
function checkPaths(host: Host): readonly Check[] {
  const bad = [host.paths.runtime, host.paths.state].find((path) => !isPlainPath(path));
  if (bad === undefined) return [];
  return [{
    name: "paths",
    state: "missing",
    detail: `vfkit cannot use ${bad}: it has a comma, space or such`,
    hint: "set XDG_STATE_HOME and XDG_RUNTIME_DIR to directories without them",
  }];
}

/**
 * From macOS 15 on, programs need the user's leave to reach other machines of the local network, and
 * vmnet's guests count as such (Apple, TN3179). ssh goes over vsock, which does not.
 */
function checkLocalNetwork(major: number): readonly Check[] {
  if (major < 15) return [];
  return [{
    name: "local network",
    state: "ok",
    detail: "nixbox needs no leave for it; your own programs do, to reach a guest's ports",
    hint: 'where they get "No route to host": System Settings > Privacy & Security > Local Network',
  }];
}

const socketFilter = "/usr/libexec/ApplicationFirewall/socketfilterfw";

/** With the application firewall on, bootpd must be let through, or guests get no address. */
async function checkFirewall(): Promise<readonly Check[]> {
  if (!await exists(socketFilter)) return [];
  const stdout = await saidBy([socketFilter, "--getglobalstate"]);
  const name = "firewall";
  if (!/State = [12]|enabled/.test(stdout)) return [{ name, state: "ok", detail: "off" }];
  return [{
    name,
    state: "ok",
    detail: 'on; it may keep addresses from guests in mode "open"',
    hint:
      `let macOS' DHCP server through: \`sudo ${socketFilter} --add /usr/libexec/bootpd\` and ` +
      `\`sudo ${socketFilter} --unblock /usr/libexec/bootpd\``,
  }];
}
