// deno-lint-ignore no-control-regex -- escape sequences are control characters
const colours = /\x1b\[[0-9;]*m/g;

/**
 * The message of a failed Nix command: from its last "error:" on, without what led there, a line
 * each. Nix indents the lines that follow by seven blanks.
 */
export function nixMessage(text: string): string[] {
  const lines = text.replace(colours, "").split("\n").map((line) => line.trimEnd());
  const last = lines.findLastIndex((line) => /^\s*error:\s*\S/.test(line));
  const message = last < 0 ? lines : lines.slice(last);
  return message
    .map((line) => line.replace(/^\s*error:\s*/, "").replace(/^ {7}/, ""))
    .filter((line) => line !== "" && !line.startsWith("(stack trace truncated"));
}
