import type { Host } from "../../host/host.ts";
import { makeCommand } from "../../host/process/command.ts";
import { NixboxError } from "../../base/error.ts";
import { exists } from "../../host/files/files.ts";
import { remoteCommand, remoteShell } from "../../guest/quote.ts";
import { copyCommands } from "../../guest/copy_commands.ts";
import { type GuestCommandResult, runInGuest } from "../../guest/session.ts";
import { sessionArgv, sshPaths } from "../../guest/ssh.ts";
import { lastLines, toolMs } from "../../host/process/run.ts";
import { isWithin, pathBelow, resolvePath } from "../../base/paths.ts";
import type { VmRecord } from "../../state/record.ts";
import { requireGoing } from "./machine.ts";
import { tellPauses } from "./room.ts";

export interface SessionOptions {
  /** Where on the host the caller stands; the guest's directory follows from it. */
  readonly directory: string;
  /** Whether the guest gives the command a terminal. */
  readonly tty: boolean;
  /** Told when the machine comes to stand still, since the host lacks room for it to grow. */
  readonly onPause?: (message: string) => void;
}

/**
 * Runs a command in the guest with this process's stdin, stdout and stderr. One word is a line of
 * shell; several reach the guest unchanged. Gives the command's own exit code.
 *
 * @throws {NixboxError} with exit code 3 if the machine is not running; if the guest vanishes.
 */
export async function runCommand(
  host: Host,
  id: string,
  argv: readonly string[],
  options: SessionOptions,
): Promise<number> {
  const record = await requireGoing(host, id);
  const command = remoteCommand(argv, guestDirectory(record, options));
  return await converse(host, record, command, options);
}

/** Runs a command in the guest and takes its output; any exit code is an answer. */
export async function commandOutput(
  host: Host,
  id: string,
  argv: readonly string[],
  options: { readonly directory: string; readonly stdin?: string },
): Promise<GuestCommandResult> {
  const record = await requireGoing(host, id);
  const command = remoteCommand(argv, guestDirectory(record, options));
  const stdin = options.stdin === undefined ? {} : { stdin: options.stdin };
  const mostOutput = 64 << 20;
  return await runInGuest(record.runtimeDirectory, command, { ...stdin, mostOutput });
}

/** Writes a file of the guest, whole or not at all. */
export async function writeGuestFile(
  host: Host,
  id: string,
  path: string,
  text: string,
  mode: number,
): Promise<void> {
  const record = await requireGoing(host, id);
  const command = copyCommands.writeFile(path, mode);
  const { code, stderr } = await runInGuest(record.runtimeDirectory, command, {
    stdin: text,
    timeoutMs: toolMs,
  });
  if (code === 0) return;
  throw new NixboxError(`the guest could not write ${path}`, { log: lastLines(stderr, 6) });
}

/** Opens the user's login shell in the guest, on this process's terminal. */
export async function openShell(
  host: Host,
  id: string,
  options: SessionOptions,
): Promise<number> {
  const record = await requireGoing(host, id);
  return await converse(host, record, remoteShell(guestDirectory(record, options)), options);
}

/** Where in the guest the host's directory is: under the innermost share that holds it, else home. */
export function guestDirectory(
  record: Pick<VmRecord, "shares" | "guest">,
  options: { readonly directory: string },
): string {
  const share = record.shares
    .filter(({ source, target }) => target !== undefined && isWithin(options.directory, source))
    .toSorted((a, b) => b.source.length - a.source.length)[0];
  if (share?.target === undefined) return record.guest.home;
  return resolvePath(share.target, pathBelow(options.directory, share.source));
}

async function converse(
  host: Host,
  record: VmRecord,
  command: string,
  { tty, onPause = () => {} }: SessionOptions,
): Promise<number> {
  const argv = sessionArgv(record.runtimeDirectory, command, { tty });
  using _ = tellPauses(host, () => Promise.resolve(record), onPause);
  // Without a listener Ctrl-C would end this process and leave ssh to the terminal alone.
  const ignore = () => {};
  Deno.addSignalListener("SIGINT", ignore);
  try {
    const child = makeCommand(argv, {
      stdin: "inherit",
      stdout: "inherit",
      stderr: "inherit",
    }).spawn();
    const { code } = await child.status;
    if (code === 255) await requireConnection(record);
    return code;
  } finally {
    Deno.removeSignalListener("SIGINT", ignore);
  }
}

/** ssh ends with 255 for its own failures, which a command may do too: the master tells them apart. */
async function requireConnection(record: VmRecord): Promise<void> {
  if (await exists(sshPaths(record.runtimeDirectory).controlSocket)) return;
  throw new NixboxError(`the connection to ${record.name} was lost`, {
    hint: "see `nixbox status` and `nixbox logs console`",
  });
}
