/**
 * Characters that act on a terminal instead of being shown, or that change what a reader sees of the
 * others: controls (C0 but for tab and newline, DEL, C1), formatting characters (bidirectional marks,
 * zero-width ones, the byte order mark, tags) and Unicode's own line and paragraph separators.
 */
// deno-lint-ignore no-control-regex -- control characters are what this is about
const acting = /[\x00-\x08\x0b-\x1f\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Text that a guest may have written, made safe for a terminal: what would act becomes visible, as
 * `\x1b` or `\u202e`. Lines stay lines.
 *
 * ```ts
 * import { openProject, printable } from "nixbox";
 *
 * const { stdout } = await (await openProject(".")).output(["cat", "notes"]);
 * console.log(printable(stdout));
 * ```
 */
export function printable(text: string): string {
  return text.replace(/\r\n/g, "\n").replace(acting, (character) => {
    const code = character.codePointAt(0)?.toString(16) ?? "";
    if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
    return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\u{${code}}`;
  });
}

/** As {@linkcode printable}, for what must stay on its line: a cell of a table, a name in a sentence. */
export function printableLine(text: string): string {
  return printable(text).replaceAll("\n", "\\x0a").replaceAll("\t", " ");
}

/** A value as JSON that is safe for a terminal, and still parses to the same value. */
export function printableJson(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent) ?? "null";
  const escaped = (character: string) =>
    Array.from(
      { length: character.length },
      (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`,
    ).join("");
  // JSON.stringify has escaped C0; what is left of `acting` stands in strings only.
  return text.replace(acting, escaped);
}
