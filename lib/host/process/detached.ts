import { makeCommand } from "./command.ts";
import type { Host, ProcessIdentity } from "../host.ts";
import { NixboxError } from "../../base/error.ts";
import { lastLines, printableCommand } from "./run.ts";
import { readTail } from "../files/files.ts";
import { startableArgv } from "./programs.ts";

/** Marks every process that nixbox leaves running, so that a crash cannot hide one. */
export const ownerVariable = "NIXBOX_VM";

export interface DetachedProcess {
  readonly identity: ProcessIdentity;
  /** Resolves when the process ends while this one still runs. */
  readonly ended: Promise<EndStatus>;
}

/** How a process ended; with neither where it is not a child of this one. */
export interface EndStatus {
  readonly code: number | undefined;
  readonly signal: string | null;
}

export interface DetachedOptions {
  /** Takes the program's stdout and stderr; what an earlier one wrote goes. */
  readonly logFile: string;
  readonly cwd: string;
  /** The machine that the process belongs to: goes to `NIXBOX_VM` in its environment. */
  readonly owner: string;
}

// Deno.Command takes no file descriptors, so sh opens the log and becomes the program. A core dump
// would hold what the guest's memory does.
const redirect = 'ulimit -c 0; exec "$@" >>"$0" 2>&1';

// What a daemon needs of our environment; keys and tokens of the user stay out of it.
const inherited = ["HOME", "USER", "LANG", "TMPDIR", "XDG_RUNTIME_DIR", "DENO_DIR"];

/** Starts a program in its own session, which goes on after this process and its terminal end. */
export async function spawnDetached(
  host: Host,
  argv: readonly string[],
  options: DetachedOptions,
): Promise<DetachedProcess> {
  const command = startableArgv(argv, options.cwd);
  await Deno.writeTextFile(options.logFile, "", { mode: 0o600 });
  const started = makeCommand(["/bin/sh", "-c", redirect, options.logFile, ...command], {
    cwd: options.cwd,
    env: daemonEnvironment(options.owner),
    clearEnv: true,
    ...apart,
  });
  return await detach(host, started, argv, options.logFile);
}

/** Without this process's terminal and streams. */
export const apart = { stdin: "null", stdout: "null", stderr: "null", detached: true } as const;

/**
 * Starts a command that goes on by itself.
 *
 * @param argv What it is called in errors.
 */
export async function detach(
  host: Host,
  command: Deno.Command,
  argv: readonly string[],
  logFile: string,
): Promise<DetachedProcess> {
  const child = command.spawn();
  child.unref();
  const ended = child.status.then(({ code, signal }) => ({ code, signal }));
  const identity = await host.processes.identify(child.pid);
  if (typeof identity !== "object") throw await diedAtOnce(argv, logFile, await ended);
  return { identity, ended };
}

/** The environment of a daemon of a machine. */
export function daemonEnvironment(owner: string): Record<string, string> {
  const env: Record<string, string> = { [ownerVariable]: owner };
  for (const name of inherited) {
    const value = Deno.env.get(name);
    if (value !== undefined) env[name] = value;
  }
  return env;
}

/** The error of a program that ended before it could be looked at. */
export async function diedAtOnce(
  argv: readonly string[],
  logFile: string,
  status: EndStatus,
): Promise<NixboxError> {
  return new NixboxError(
    `${printableCommand(argv.slice(0, 1))} ended at once (${statusText(status)})`,
    { log: lastLines(await readTail(logFile), 12) },
  );
}

/** "exit 1" or "SIGKILL". */
export function statusText(status: EndStatus): string {
  return status.signal ??
    (status.code === undefined ? "how is not known" : `exit ${status.code}`);
}
