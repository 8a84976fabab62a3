import { CommandError, run } from "../host/process.ts";
import { sessionArgv } from "./ssh.ts";

/** How a command in the guest ended. */
export interface GuestCommandResult {
  /** Its exit code. */
  readonly code: number;
  /** What it printed. */
  readonly stdout: string;
  /** What it printed to standard error. */
  readonly stderr: string;
}

/**
 * Runs a line for the guest's login shell and takes its output. ssh itself ends with 255.
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
  } = {},
): Promise<GuestCommandResult> {
  const argv = sessionArgv(runtimeDirectory, command, { tty: false });
  const result = await run(argv, { ...options, accept: "any" });
  if (result.code === 255) {
    throw new CommandError(argv, 255, result.stderr, { reason: "the connection failed" });
  }
  return result;
}
