/** How the command line ends: 1 failure, 2 wrong use, 3 no such machine is running. */
export type ExitCode = 1 | 2 | 3;

export interface ErrorDetails {
  /** What of the input is wrong: a config key, a file with its line, an option. */
  readonly where?: string;
  /** How to mend it: one sentence, a command where there is one. */
  readonly hint?: string;
  /** Last lines of the log that explains the failure, oldest first. */
  readonly log?: readonly string[];
  readonly exitCode?: ExitCode;
  readonly cause?: unknown;
}

/** The one error that nixbox throws on purpose: what happened, where, and how to mend it. */
export class NixboxError extends Error {
  override readonly name: string = "NixboxError";
  readonly where: string | undefined;
  readonly hint: string | undefined;
  readonly log: readonly string[];
  readonly exitCode: ExitCode;

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
