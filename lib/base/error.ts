/** How the command line ends: 1 failure, 2 wrong use, 3 no such machine is running. */
export type ExitCode = 1 | 2 | 3;

/** What an error tells beside its message. */
export interface ErrorDetails {
  /** What of the input is wrong: a config key, a file with its line, an option. */
  readonly where?: string;
  /** How to fix it: one sentence, a command where there is one. */
  readonly hint?: string;
  /** Last lines of the log that explains the failure, oldest first. */
  readonly log?: readonly string[];
  /** How the command line ends. */
  readonly exitCode?: ExitCode;
  /** What was thrown underneath. */
  readonly cause?: unknown;
}

/**
 * The one error that nixbox throws on purpose: what happened, where, and how to fix it.
 *
 * ```ts
 * import { NixboxError, openProject, printable } from "nixbox";
 *
 * try {
 *   await (await openProject(".")).up();
 * } catch (error) {
 *   if (!(error instanceof NixboxError)) throw error;
 *   console.error(printable(error.message), error.where, error.hint);
 *   Deno.exit(error.exitCode);
 * }
 * ```
 */
export class NixboxError extends Error {
  /** Always `NixboxError` or a class below it. */
  override readonly name: string = "NixboxError";
  /** What of the input is wrong. */
  readonly where: string | undefined;
  /** How to fix it. */
  readonly hint: string | undefined;
  /** Last lines of the log that explains the failure. */
  readonly log: readonly string[];
  /** How the command line ends. */
  readonly exitCode: ExitCode;

  /** Makes an error of its message and what else is known. */
  constructor(message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.where = details.where;
    this.hint = details.hint;
    this.log = details.log ?? [];
    this.exitCode = details.exitCode ?? 1;
  }
}

/** The text of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
