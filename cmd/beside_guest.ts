/**
 * A message of nixbox's own while a guest's program has the terminal, which is in raw mode then: a line
 * does not go back to its beginning by itself.
 */
export function besideGuest(message: string, isRaw: boolean): string {
  return isRaw ? `\r\nnixbox: ${message}\r` : `nixbox: ${message}`;
}
