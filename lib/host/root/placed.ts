import { makeCommand } from "../process/command.ts";
import {
  apart,
  daemonEnvironment,
  detach,
  type DetachedOptions,
  type DetachedProcess,
  diedAtOnce,
  spawnDetached,
} from "../process/detached.ts";
import { runAsRoot } from "./as_root.ts";
import { isAlive } from "./end_process.ts";
import { NixboxError } from "../../base/error.ts";
import { readTextIfExists, removeIfExists } from "../files/files.ts";
import type { Host, ProcessIdentity, UserFacts } from "../host.ts";
import { childPath, rootProgram } from "../process/programs.ts";
import { parseStat } from "../process/proc_stat.ts";
import { idOptions } from "./privilege.ts";
import { processesSeenByRoot } from "./root_processes.ts";
import { waitFor } from "../../base/wait.ts";

/** How a program starts that only root can put in its place. */
export interface PlacedOptions extends DetachedOptions {
  /** Where the id of what waits for it goes; in a directory that only the user can write to. */
  readonly pidFile: string;
  /** MiB of memory that it may have for itself, where no control group bounds it (RLIMIT_DATA). */
  readonly dataMB?: number;
}

/** Without core dumps: opens the log, tells the process id, becomes the program. */
const become = 'ulimit -c 0; [ "$2" = - ] || ulimit -d "$2"; log=$0; echo $$ >"$1"; shift 2; ' +
  'exec "$@" >>"$log" 2>&1';

/** Where a program writes, and what it is told. */
export function recordedArgv(
  { logFile, pidFile, owner, dataMB }: PlacedOptions,
  argv: readonly string[],
): readonly string[] {
  const env = { ...daemonEnvironment(owner), PATH: childPath("root") };
  const words = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const data = dataMB === undefined ? "-" : `${dataMB * 1024}`;
  return ["env", "-i", ...words, "/bin/sh", "-c", become, logFile, pidFile, data, ...argv];
}

/** The words by which root becomes the user again, without a way back. */
export function asUserArgv(
  user: Pick<UserFacts, "uid" | "gid">,
  groups: readonly string[] = [],
): readonly string[] {
  if (user.uid === 0) return [];
  return ["setpriv", ...idOptions(user, groups), "--inh-caps=-all", "--no-new-privs", "--"];
}

/** The command that runs `argv` in a network namespace, which only root can enter (setns(2)). */
export function inNetworkNamespace(
  namespace: string,
  argv: readonly string[],
): readonly string[] {
  return ["nsenter", `--net=/run/netns/${namespace}`, "--", ...argv];
}

/**
 * Starts a command of root's in its own session, which becomes a program of the user's. Root's part
 * is over when the program begins, so that no sudo stays beside it; where the user is not root, how it
 * ends later is not known.
 *
 * @throws {NixboxError} with the program's or sudo's own words if it did not start.
 */
export async function spawnPlaced(
  host: Host,
  command: readonly string[],
  options: PlacedOptions,
): Promise<DetachedProcess> {
  const { logFile, pidFile, cwd } = options;
  await Deno.writeTextFile(logFile, "", { mode: 0o600 });
  await removeIfExists(pidFile);
  if (host.user.uid === 0) return await startAsRoot(host, command, options);
  await runAsRoot(host, ["setsid", "--fork", ...command], undefined, { cwd });
  const identity = await waitFor(
    async () => await identityIn(host, pidFile) ?? await goneOf(host, pidFile),
    { timeoutMs: 10_000, firstDelayMs: 2, longestDelayMs: 20 },
  );
  if (identity === undefined || identity === "gone") {
    throw await diedAtOnce(command, logFile, { code: undefined, signal: null });
  }
  return { identity, ended: endOf(host, identity) };
}

/** Root needs no sudo: its child becomes the program. */
async function startAsRoot(
  host: Host,
  [program = "", ...args]: readonly string[],
  { cwd, logFile }: PlacedOptions,
): Promise<DetachedProcess> {
  const command = makeCommand([rootProgram(program), ...args], { cwd, ...apart });
  const first = await detach(host, command, [program], logFile);
  return await childWithin(host, program, first, logFile);
}

/**
 * Starts, as the user, a command that makes a private root in namespaces of the user's.
 *
 * @returns The program in it: what waits for that is its parent.
 * @throws {NixboxError} with the program's own words if it did not start.
 */
export async function spawnInRoot(
  host: Host,
  argv: readonly string[],
  options: DetachedOptions,
): Promise<DetachedProcess> {
  const first = await spawnDetached(host, argv, options);
  return await childWithin(host, argv[0] ?? "", first, options.logFile);
}

async function childWithin(
  host: Host,
  program: string,
  { identity: first, ended }: DetachedProcess,
  logFile: string,
): Promise<DetachedProcess> {
  let hasEnded = false;
  void ended.then(() => hasEnded = true);
  const identity = await waitFor(
    async () => hasEnded ? "ended" : await childOf(host, first.pid),
    { timeoutMs: 10_000, firstDelayMs: 2, longestDelayMs: 20 },
  );
  if (typeof identity === "object") return { identity, ended };
  throw await diedAtOnce([program], logFile, await ended);
}

async function pidIn(pidFile: string): Promise<number | undefined> {
  const pid = Number((await readTextIfExists(pidFile))?.trim() || Number.NaN);
  return Number.isInteger(pid) ? pid : undefined;
}

/** Whether the process that told its id has ended. */
async function goneOf(host: Host, pidFile: string): Promise<"gone" | undefined> {
  const pid = await pidIn(pidFile);
  const isGone = pid !== undefined && await host.processes.identify(pid) === undefined;
  return isGone ? "gone" : undefined;
}

async function identityIn(
  host: Host,
  pidFile: string,
): Promise<ProcessIdentity | undefined> {
  const pid = await pidIn(pidFile);
  return pid === undefined ? undefined : await childOf(host, pid);
}

/**
 * The child of a process that only waits for it: unshare(1) with `--fork`, once the scripts before it,
 * which have children too, are over.
 */
async function childOf(host: Host, parent: number): Promise<ProcessIdentity | undefined> {
  const words = await (await processesSeenByRoot(host)).commandLine(parent) ?? [];
  if (words[0] !== "unshare" || words[1] !== "--fork") return undefined;
  const pid = await firstChild(parent);
  const identity = pid === undefined ? undefined : await host.processes.identify(pid);
  return typeof identity === "object" ? identity : undefined;
}

/** By proc_pid_task_children(5), which not every kernel has. */
async function firstChild(parent: number): Promise<number | undefined> {
  const children = await readTextIfExists(`/proc/${parent}/task/${parent}/children`);
  if (children === undefined) return await childByStat(parent);
  return Number(children.trim().split(" ")[0]) || undefined;
}

/**
 * A process that names another as its parent (proc_pid_stat(5)), of those that are shown: the user's own are,
 * wherever others are hidden.
 */
export async function childByStat(parent: number): Promise<number | undefined> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = await readTextIfExists(`/proc/${name}/stat`).catch(() => undefined) ?? "";
    if (parseStat(stat)?.parent === parent) return Number(name);
  }
  return undefined;
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
export async function ownGroups(): Promise<readonly string[]> {
  const status = await readTextIfExists("/proc/self/status");
  const groups = /^Groups:[ \t]*(.*)$/m.exec(status ?? "")?.[1];
  if (groups === undefined) throw new NixboxError("this process's groups cannot be read");
  return groups.trim().split(/\s+/).filter((group) => group !== "");
}
