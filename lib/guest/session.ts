import { CommandError, run } from "../host/process/run.ts";
import { checkArgv, sessionArgv } from "./ssh.ts";

/** How a command in the guest ended. */
export interface GuestCommandResult {
  /** Its exit code. */
  readonly code: number;
  /** What it printed. */
  readonly stdout: string;
  /** What it printed to standard error. */
  readonly stderr: string;
}

/** Whether the shared connection stands: ssh ends with 255 for its own failures, a command may, too. */
async function isConnected(runtimeDirectory: string): Promise<boolean> {
  const { code } = await run(checkArgv(runtimeDirectory), { accept: "any", timeoutMs: 10_000 });
  return code === 0;
}

/**
 * Runs a line for the guest's login shell and takes its output.
 *
 * @throws {CommandError} if the connection failed or the time was over.
 */
export async function runInGuest(
  runtimeDirectory: string,
  command: string,
  options: {
    readonly stdin?: string | Uint8Array<ArrayBuffer>;
    readonly timeoutMs?: number;
    readonly signal?: AbortSignal;
    readonly onStderrLine?: (line: string) => void;
    /** Characters that it may print; 1 Mi, since nixbox's own commands have little to tell. */
    readonly mostOutput?: number;
  } = {},
): Promise<GuestCommandResult> {
  const argv = sessionArgv(runtimeDirectory, command, { tty: false });
  const result = await run(argv, { mostOutput: 1 << 20, ...options, accept: "any" });
  if (result.code === 255 && !await isConnected(runtimeDirectory)) {
    throw new CommandError(argv, 255, result.stderr, { reason: "the connection failed" });
  }
  return result;
}
