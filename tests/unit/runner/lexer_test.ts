import { deepStrictEqual, throws } from "node:assert/strict";
import { lexSimpleCommand, ShellSyntaxError, writeWord } from "../../../lib/runner/lexer.ts";

const understood: readonly [claim: string, text: string, words: readonly string[]][] = [
  ["blanks part words", "a  b\tc", ["a", "b", "c"]],
  ["single quotes keep everything", `'a "b" $c \\d'`, [`a "b" $c \\d`]],
  ["quotes may stand in the middle of a word", `a'b c'"d e"f`, ["ab cd ef"]],
  ["an empty word is a word", `a '' "" b`, ["a", "", "", "b"]],
  ["the idiom for a single quote in single quotes", `'it'\\''s'`, ["it's"]],
  ["a backslash makes the next character plain", `a\\ b\\'c\\\\`, [`a b'c\\`]],
  ["a backslash in double quotes escapes five characters only", `"\\$\\\`\\"\\\\\\a"`, [
    '$`"\\\\a',
  ]],
  ["a backslash joins lines", "a \\\n b\\\nc", ["a", "bc"]],
  ["a backslash joins lines in double quotes", '"a\\\nb"', ["ab"]],
  ["newlines in quotes are kept", `'a\nb' "c\nd"`, ["a\nb", "c\nd"]],
  ["a comment ends with its line", "a b # c 'd", ["a", "b"]],
  ["a number sign within a word is plain", "a#b c#", ["a#b", "c#"]],
  ["comments and blank lines may follow", "a\n\n # b\n", ["a"]],
  ["a dollar that expands nothing is plain", `a$ "$" $% b$`, ["a$", "$", "$%", "b$"]],
  ["ANSI quoting", `$'a\\n\\t\\'\\"\\x41\\101\\u00e9\\e'`, [`a\n\t'"AA\u00e9\x1b`]],
  ["a dollar before double quotes is dropped", `$"a b"`, ["a b"]],
  ["options and equals signs are plain", "--a=b -c +d @e %f", ["--a=b", "-c", "+d", "@e", "%f"]],
];

for (const [claim, text, words] of understood) {
  Deno.test(claim, () => {
    deepStrictEqual(lexSimpleCommand(text).words, words);
  });
}

const expanded: readonly [text: string, isOneWord: boolean][] = [
  ["$a", false],
  ["${a:-}", false],
  ["x$(b 'c)' \"d)\" (e))y", false],
  ["`a \\` b`", false],
  ['${a:-"}"}', false],
  ['"$a/b c"', true],
  ['"${a:-it\'s}"', true],
  ['"$(a "b c")"', true],
  ['"$@"', false],
  ['"${list[@]}"', false],
  ["*.img", false],
  ["~/a", false],
  ["{a,b}", false],
];

for (const [shell, isOneWord] of expanded) {
  Deno.test(`${shell} is kept as its source: its value is not known here`, () => {
    deepStrictEqual(lexSimpleCommand(`a ${shell} 'b'`).words, ["a", { shell, isOneWord }, "b"]);
    deepStrictEqual(writeWord({ shell, isOneWord }), shell);
  });
}

const refused: readonly [text: string, reason: RegExp, line: number][] = [
  ["a 'b\nc", /single quote is not closed/, 1],
  ['a\\\n"b', /double quote is not closed/, 2],
  ["a $'b", /\$' quote is not closed/, 1],
  ["a $(b", /"\$\(" is not closed/, 1],
  ["a ${b", /"\${" is not closed/, 1],
  ["a `b", /backquote is not closed/, 1],
  ["a | b", /unexpected "\|"/, 1],
  ["a\\\n && b", /unexpected "&"/, 2],
  ["a; b", /unexpected ";"/, 1],
  ["a > b", /unexpected ">"/, 1],
  ["a\n\nb", /second command/, 3],
  ["a $'\\xe9'", /escape/, 1],
];

for (const [text, reason, line] of refused) {
  Deno.test(`${JSON.stringify(text)} is refused with its line`, () => {
    throws(() => lexSimpleCommand(text), (error) => {
      if (!(error instanceof ShellSyntaxError)) return false;
      deepStrictEqual(error.line, line);
      return reason.test(error.message);
    });
  });
}

Deno.test("each word knows the line that it begins on", () => {
  deepStrictEqual(lexSimpleCommand("a 'b\nc' \\\n d", 10).lines, [10, 10, 12]);
});
