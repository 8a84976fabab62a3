import type { Host } from "../../host/host.ts";
import { routeOf, sshConfig, sshPaths } from "../../guest/ssh.ts";
import { requireRunning } from "./machine.ts";

/** How any SSH client reaches a running machine. */
export interface SshAccess {
  /** The name that `config` gives it. */
  readonly host: string;
  /** The guest's IPv4 address, where it is reached by one. */
  readonly address?: string;
  /** Its login name. */
  readonly user: string;
  /** The private login key. */
  readonly identityFile: string;
  /** Has the guest's host key. */
  readonly knownHostsFile: string;
  /** A Host block in ssh_config(5)'s format. */
  readonly config: string;
}

/** @throws {NixboxError} with exit code 3 if the machine is not running. */
export async function sshAccess(host: Host, id: string, alias?: string): Promise<SshAccess> {
  const record = await requireRunning(host, id);
  const paths = sshPaths(record.runtimeDirectory);
  const route = routeOf(record);
  const { user } = record.guest;
  const name = alias ?? `nixbox-${record.name}`;
  return {
    host: name,
    ...(route.kind === "address" ? { address: route.address } : {}),
    user,
    identityFile: paths.key,
    knownHostsFile: paths.knownHosts,
    config: sshConfig({ route, user, id: record.id }, paths, name),
  };
}
