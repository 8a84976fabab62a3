/** Why a text is not one simple command of the shell, and on which line (from 1). */
export class ShellSyntaxError extends Error {
  constructor(message: string, readonly line: number) {
    super(message);
  }
}
