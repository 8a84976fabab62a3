import type { Terminal } from "./terminal.ts";

/**
 * Says something of nixbox's own while a guest's program has the terminal, which is in raw mode then: a
 * newline does not go back to the beginning of the line by itself.
 */
export function tellBesideGuest(terminal: Terminal, message: string, isRaw: boolean): void {
  if (isRaw) {
    terminal.writeError("\n");
    terminal.eraseLine();
  }
  terminal.printError(`nixbox: ${message}`);
  if (isRaw) terminal.eraseLine();
}
