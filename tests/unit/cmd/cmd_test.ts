import assert from "node:assert/strict";
import { MissingValue, splitGlobals } from "../../../cmd/globals.ts";
import { duration } from "../../../cmd/progress.ts";
import { table } from "../../../cmd/table.ts";
import { printable } from "../../../lib/base/printable.ts";
import { version } from "../../../cmd/version.ts";
import { importsOf } from "../../imports.ts";

const isCommand = (name: string) => ["status", "run", "up", "logs"].includes(name);

Deno.test("global options are found before and after the command", () => {
  const { globals, rest } = splitGlobals(["--json", "status", "-q", "--project=/a b"], isCommand);
  assert.deepEqual(rest, ["status"]);
  assert.deepEqual(globals, {
    project: "/a b",
    json: true,
    quiet: true,
    verbose: false,
    noColor: false,
  });
});

Deno.test("every word after run's first one, or after --, is the guest's", () => {
  const words = (...line: string[]) => splitGlobals(line, isCommand).rest;
  assert.deepEqual(words("run", "ls", "--json", "-v"), ["run", "--", "ls", "--json", "-v"]);
  assert.deepEqual(words("run", "--", "-v"), ["run", "--", "-v"]);
  assert.deepEqual(words("run", "-q", "ls", "--", "x"), ["run", "--", "ls", "--", "x"]);
  assert.deepEqual(words("--project", "/p", "run", "ls"), ["run", "--", "ls"]);
});

Deno.test("every word after a plugin's name is the plugin's", () => {
  const line = ["aws", "login", "--json", "-p", "x", "--", "y"];
  const { globals, rest } = splitGlobals(["--quiet", ...line], isCommand);
  assert.deepEqual(rest, line);
  assert.deepEqual([globals.quiet, globals.json, globals.project], [true, false, undefined]);
});

Deno.test("a global option without its value is named", () => {
  assert.throws(() => splitGlobals(["status", "--project"], isCommand), MissingValue);
});

Deno.test("what a guest wrote cannot act on the terminal", () => {
  assert.equal(printable("\x1b[2Ja\r\nb\x07\tc\x9b1m"), "\\x1b[2Ja\nb\\x07\tc\\x9b1m");
});

Deno.test("nor can it hide what a line says", () => {
  assert.equal(printable("# a\r evil; \u202e)(\u2066"), "# a\\x0d evil; \\u202e)(\\u2066");
});

Deno.test("columns stand two apart, and times read like times", () => {
  assert.deepEqual(table([["a", "bb"], ["ccc", "d"]]), ["a    bb", "ccc  d"]);
  assert.deepEqual([40, 3210, 125_000].map(duration), ["40 ms", "3.2 s", "2 min 5 s"]);
});

Deno.test("the version is one", async () => {
  const text = await Deno.readTextFile(new URL("../../../deno.json", import.meta.url));
  assert.equal(JSON.parse(text).version, version);
});

Deno.test("type-only imports are told from those that load code", () => {
  const text = 'import type { A } from "../b/a.ts";\nimport { type B } from "./c.ts";\n' +
    'import { type C, d } from "./e.ts";\nconst f = await import("./g.ts");\n';
  assert.deepEqual(importsOf("lib/x/y.ts", text), [
    { from: "lib/x/y.ts", to: "lib/b/a.ts", isTypeOnly: true },
    { from: "lib/x/y.ts", to: "lib/x/c.ts", isTypeOnly: true },
    { from: "lib/x/y.ts", to: "lib/x/e.ts", isTypeOnly: false },
    { from: "lib/x/y.ts", to: "lib/x/g.ts", isTypeOnly: false },
  ]);
});
