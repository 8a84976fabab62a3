const characters: Readonly<Record<string, string>> = {
  a: "\x07",
  b: "\b",
  e: "\x1b",
  E: "\x1b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
  "\\": "\\",
  "'": "'",
  '"': '"',
  "?": "?",
};

/** Escapes by number: octal and hexadecimal bytes, and Unicode code points. */
const numbered = [
  { pattern: /^\\([0-7]{1,3})/, base: 8, largest: 0x7f },
  { pattern: /^\\x([0-9A-Fa-f]{1,2})/, base: 16, largest: 0x7f },
  { pattern: /^\\u([0-9A-Fa-f]{1,4})/, base: 16, largest: 0xd7ff },
  { pattern: /^\\U([0-9A-Fa-f]{1,8})/, base: 16, largest: 0x10ffff },
];

/**
 * The escape that a text begins with, by the rules of `$'...'` (bash(1), QUOTING); `undefined` for
 * one that is not known, makes no character (`\0` ends the word), or is a byte of a longer one.
 */
export function ansiEscape(text: string): { value: string; length: number } | undefined {
  const plain = characters[text[1] ?? ""];
  if (plain !== undefined) return { value: plain, length: 2 };
  const control = /^\\c([A-Za-z])/.exec(text)?.[1];
  if (control !== undefined) {
    return { value: String.fromCharCode(control.charCodeAt(0) & 0x1f), length: 3 };
  }
  for (const { pattern, base, largest } of numbered) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const code = Number.parseInt(match[1] ?? "", base);
    if (code === 0 || code > largest) return undefined;
    return { value: String.fromCodePoint(code), length: match[0].length };
  }
  return undefined;
}
