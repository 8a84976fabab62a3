import { makeCommand } from "./command.ts";
import {
  apart,
  daemonEnvironment,
  detach,
  type DetachedOptions,
  type DetachedProcess,
  diedAtOnce,
} from "./detached.ts";
import { runAsRoot } from "./as_root.ts";
import { isAlive } from "./end_process.ts";
import { NixboxError } from "./error.ts";
import { readTextIfExists, removeIfExists } from "./files.ts";
import type { Host, ProcessIdentity, UserFacts } from "./host.ts";
import { rootProgram } from "./programs.ts";
import { waitFor } from "./wait.ts";

export interface NamespacedOptions extends DetachedOptions {
  /** Where the program's process id goes; in a directory that only the user can write to. */
  readonly pidFile: string;
}

/** Run as the user, without core dumps: opens the log, tells the process id, becomes the program. */
const become = 'ulimit -c 0; log=$0; echo $$ >"$1"; shift; exec "$@" >>"$log" 2>&1';

/**
 * The command that runs `argv` as the user in a network namespace, which only root can enter
 * (setns(2)): root goes in, becomes the user again and runs it. Nothing of root stays.
 */
export function namespaceCommand(
  user: Pick<UserFacts, "uid" | "gid">,
  namespace: string,
  argv: readonly string[],
  groups: readonly string[] = [],
): readonly string[] {
  const { uid, gid } = user;
  return [
    ...["nsenter", `--net=/run/netns/${namespace}`, "--"],
    ...(uid === 0 ? [] : [
      ...["setpriv", `--reuid=${uid}`, `--regid=${gid}`],
      groups.length === 0 ? "--clear-groups" : `--groups=${groups.join(",")}`,
      ...["--inh-caps=-all", "--no-new-privs", "--"],
    ]),
    ...argv,
  ];
}

/**
 * Starts a program in its own session and in a network namespace, as the user. Root's command is
 * over when the program begins, so that no sudo stays beside it; how it ends later is not known then.
 *
 * @throws {NixboxError} with the program's or sudo's own words if it did not start.
 */
export async function spawnNamespaced(
  host: Host,
  namespace: string,
  argv: readonly string[],
  options: NamespacedOptions,
): Promise<DetachedProcess> {
  const { logFile, pidFile, cwd, owner } = options;
  await Deno.writeTextFile(logFile, "", { mode: 0o600 });
  await removeIfExists(pidFile);
  const env = Object.entries(daemonEnvironment(owner)).map(([name, value]) => `${name}=${value}`);
  const program = ["env", "-i", ...env, "/bin/sh", "-c", become, logFile, pidFile, ...argv];
  const command = namespaceCommand(host.user, namespace, program, await ownGroups());
  if (host.user.uid === 0) return await startAsRoot(host, command, options);
  await runAsRoot(host, ["setsid", "--fork", ...command], undefined, { cwd });
  const identity = await waitFor(() => identityIn(host, pidFile), {
    timeoutMs: 10_000,
    firstDelayMs: 2,
    longestDelayMs: 20,
  });
  if (identity === undefined) {
    throw await diedAtOnce(argv, logFile, { code: undefined, signal: null });
  }
  return { identity, ended: endOf(host, identity) };
}

/** Root needs no sudo: its child becomes the program. */
async function startAsRoot(
  host: Host,
  [program = "", ...args]: readonly string[],
  { cwd, logFile }: NamespacedOptions,
): Promise<DetachedProcess> {
  const command = makeCommand([rootProgram(program), ...args], { cwd, ...apart });
  return await detach(host, command, [program], logFile);
}

async function identityIn(host: Host, pidFile: string): Promise<ProcessIdentity | undefined> {
  const pid = Number((await readTextIfExists(pidFile))?.trim() || Number.NaN);
  const identity = Number.isInteger(pid) ? await host.processes.identify(pid) : undefined;
  return typeof identity === "object" ? identity : undefined;
}

/** Resolves when a process that is nobody's child here has ended; looks ten times a second. */
function endOf(host: Host, identity: ProcessIdentity): DetachedProcess["ended"] {
  return new Promise((resolve) => {
    const timer = setInterval(async () => {
      if (await isAlive(host, identity)) return;
      clearInterval(timer);
      resolve({ code: undefined, signal: null });
    }, 100);
    Deno.unrefTimer(timer);
  });
}

/** This process's groups (proc_pid_status(5)): those by which the user may use /dev/kvm. */
async function ownGroups(): Promise<readonly string[]> {
  const status = await readTextIfExists("/proc/self/status");
  const groups = /^Groups:[ \t]*(.*)$/m.exec(status ?? "")?.[1];
  if (groups === undefined) throw new NixboxError("this process's groups cannot be read");
  return groups.trim().split(/\s+/).filter((group) => group !== "");
}
