import type { VmRecord } from "../state/record.ts";
import { quoteWord } from "./quote.ts";
import { writeTextAtomically } from "../host/files/files.ts";
import { NixboxError } from "../base/error.ts";
import { lastLines } from "../host/process/run.ts";
import type { ProjectKeys } from "./keys.ts";

/** The files by which one guest is reached; all in its runtime directory. */
export interface SshPaths {
  readonly config: string;
  readonly controlSocket: string;
  /** The process id of the master connection. */
  readonly masterPid: string;
  readonly key: string;
  readonly knownHosts: string;
}

/** The name of every guest in its own ssh config. */
export const sshHost = "nixbox";

export function sshPaths(runtimeDirectory: string): SshPaths {
  return {
    config: `${runtimeDirectory}/ssh_config`,
    controlSocket: `${runtimeDirectory}/ssh`,
    masterPid: `${runtimeDirectory}/ssh.pid`,
    key: `${runtimeDirectory}/ssh_key`,
    knownHosts: `${runtimeDirectory}/known_hosts`,
  };
}

/**
 * ssh binds its control socket under a temporary name with 17 more characters, and a socket path
 * ends at 103 bytes on macOS (107 on Linux).
 */
const longestRuntimeDirectory = 103 - 17 - "/ssh".length;

/** @throws {NixboxError} if sockets under this directory would have names too long for the OS. */
export function checkRuntimeDirectory(directory: string): void {
  if (new TextEncoder().encode(directory).length <= longestRuntimeDirectory) return;
  throw new NixboxError("the runtime directory's path is too long for sockets", {
    where: directory,
    hint:
      `set XDG_RUNTIME_DIR to a path so short that this one has ${longestRuntimeDirectory} bytes`,
  });
}

/** The way to a guest's sshd: an address of this host's network, or a Unix socket that leads there. */
export type SshRoute =
  | { readonly kind: "address"; readonly address: string }
  | { readonly kind: "socket"; readonly socket: string };

/** How a machine is reached. */
export function routeOf({ network }: Pick<VmRecord, "network">): SshRoute {
  return network.kind === "tap"
    ? { kind: "address", address: network.address }
    : { kind: "socket", socket: network.sshSocket };
}

/**
 * ssh_config(5) for one guest. Keep-alives end a command within twelve seconds when the guest
 * vanishes without a word; nothing of the user's own ssh configuration or agent takes part.
 */
export function sshConfig(
  guest: { readonly route: SshRoute; readonly user: string; readonly id: string },
  paths: SshPaths,
  alias = sshHost,
): string {
  return `Host ${alias}
  ${routeLines(guest.route)}
  User ${guest.user}
  HostKeyAlias nixbox-${guest.id}
  UserKnownHostsFile ${quoted(paths.knownHosts)}
  GlobalKnownHostsFile none
  StrictHostKeyChecking yes
  UpdateHostKeys no
  IdentityFile ${quoted(paths.key)}
  IdentitiesOnly yes
  IdentityAgent none
  PreferredAuthentications publickey
  BatchMode yes
  ForwardAgent no
  ForwardX11 no
  ConnectTimeout 5
  ServerAliveInterval 3
  ServerAliveCountMax 4
  ControlPath ${quoted(paths.controlSocket)}
  LogLevel ERROR
`;
}

/**
 * nc(1) as OpenBSD and macOS have it, whatever else is first on PATH; ssh gives the line to the user's
 * shell, after expanding `%`.
 */
function routeLines(route: SshRoute): string {
  if (route.kind === "address") return `HostName ${route.address}`;
  const socket = quoteWord(route.socket).replaceAll("%", "%%");
  return `HostName ${sshHost}\n  ProxyCommand /usr/bin/nc -U ${socket}\n  ProxyUseFdpass no`;
}

/** ssh expands `%` in paths, and reads a quoted path with backslash escapes. */
function quoted(path: string): string {
  return `"${path.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("%", "%%")}"`;
}

/** Writes config, key and known host for one guest. The key's copy makes ssh free of project paths. */
export async function writeSshFiles(
  record: Pick<VmRecord, "id" | "runtimeDirectory" | "guest" | "network">,
  keys: ProjectKeys,
): Promise<void> {
  const paths = sshPaths(record.runtimeDirectory);
  const hostKey = (await Deno.readTextFile(keys.host.publicFile)).trim();
  const guest = { route: routeOf(record), user: record.guest.user, id: record.id };
  await Promise.all([
    writeTextAtomically(paths.config, sshConfig(guest, paths)),
    writeTextAtomically(paths.key, await Deno.readTextFile(keys.login.privateFile)),
    writeTextAtomically(paths.knownHosts, `nixbox-${record.id} ${hostKey}\n`),
  ]);
}

/** The master connection that all commands share; runs for as long as the machine. */
export function masterArgv(runtimeDirectory: string): readonly string[] {
  const { config } = sshPaths(runtimeDirectory);
  return ["ssh", "-F", config, "-o", "ControlMaster=yes", "-N", "-T", sshHost];
}

/** Runs `command`, a line for the guest's login shell, over the shared connection. */
export function sessionArgv(
  runtimeDirectory: string,
  command: string,
  options: { readonly tty: boolean },
): readonly string[] {
  const { config } = sshPaths(runtimeDirectory);
  const tty = options.tty ? "-tt" : "-T";
  return ["ssh", "-F", config, "-o", "ControlMaster=no", tty, sshHost, "--", command];
}

/** Asks whether the master connection is there. */
export function checkArgv(runtimeDirectory: string): readonly string[] {
  return ["ssh", "-F", sshPaths(runtimeDirectory).config, "-O", "check", sshHost];
}

/** Tells the master connection to end. */
export function closeArgv(runtimeDirectory: string): readonly string[] {
  return ["ssh", "-F", sshPaths(runtimeDirectory).config, "-O", "exit", sshHost];
}

/** What a failed login means, from ssh's own words. */
export function loginError(log: string): NixboxError {
  const lines = lastLines(log, 5);
  if (/Permission denied/.test(log)) {
    return new NixboxError("the guest refused the login key", {
      hint: "the guest's user or key differs from the project's: rebuild with `nixbox build -f`",
      log: lines,
    });
  }
  if (/Host key verification failed|REMOTE HOST IDENTIFICATION/.test(log)) {
    return new NixboxError("the guest's SSH host key is not the one it was given", {
      hint: "something else answers at its address, or provisioning failed: `nixbox logs console`",
      log: lines,
    });
  }
  return new NixboxError("the SSH connection to the guest failed", { log: lines });
}
