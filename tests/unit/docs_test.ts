import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { findImports } from "../imports.ts";

const root = new URL("../..", import.meta.url).pathname;

/** A row of docs/security.md's tables: what is promised, and the tests that show it. */
interface Promised {
  readonly what: string;
  readonly tests: readonly { readonly file: string; readonly name: string }[];
  /** Whether all that the cell has in code marks was read as a test. */
  readonly isWhole: boolean;
}

/** Reads the rows whose last cell names tests, each as `FILE: name`, FILE below tests/. */
function promises(text: string): readonly Promised[] {
  return text.split("\n").filter((line) => /^\| (?!-|promise)/.test(line)).map((line) => {
    const cells = line.split("|").slice(1, -1).map((cell) => cell.trim());
    const tests = [...(cells.at(-1) ?? "").matchAll(/`([\w/]+_test\.ts): ([^`]+)`/g)]
      .map(([, file = "", name = ""]) => ({ file, name }));
    const marked = [...(cells.at(-1) ?? "").matchAll(/`[^`]*`/g)].length;
    return { what: cells[0] ?? "", tests, isWhole: marked === tests.length };
  });
}

Deno.test("each promise of docs/security.md names a test that there is", async (t) => {
  const found = promises(await Deno.readTextFile(`${root}docs/security.md`));
  assert.ok(found.length >= 25, `${found.length} promises`);
  for (const { what, tests, isWhole } of found) {
    await t.step(what, async () => {
      assert.ok(tests.length > 0, "no test is named");
      assert.ok(isWhole, "something in the last cell is not read as a test");
      for (const { file, name } of tests) {
        assert.ok(await exists(`${root}tests/${file}`), file);
        const text = await Deno.readTextFile(`${root}tests/${file}`);
        assert.ok(text.includes(name), `${file} has no test "${name}"`);
      }
    });
  }
});

Deno.test("a row that names no test, or one that is not there, would be found", () => {
  const [none, one] = promises("| a | b | c |\n| d | e | `e2e/x_test.ts: does it` |\n");
  assert.deepEqual(none?.tests, []);
  assert.deepEqual(promises("| a | b | `e2e/x_test.ts:` |\n")[0]?.isWhole, false);
  assert.deepEqual(one?.tests, [{ file: "e2e/x_test.ts", name: "does it" }]);
});

Deno.test("CONTRIBUTING's list of folders is the tree", async () => {
  const text = await Deno.readTextFile(`${root}CONTRIBUTING.md`);
  const map = /```\n(main\.ts[\s\S]*?)```/.exec(text)?.[1] ?? "";
  const named = map.trim().split("\n").map((line) => line.split(/\s+/)[0] ?? "");
  const folders: string[] = [];
  const visit = async (folder: string): Promise<void> => {
    const entries = await Array.fromAsync(Deno.readDir(`${root}${folder}`));
    const count = entries.filter(({ name }) => name.endsWith(".ts")).length;
    if (count > 0) folders.push(folder);
    // A room that holds more does not show itself; commands have a file each.
    assert.ok(count <= 17 || folder === "cmd/", `${folder} has ${count} files`);
    for (const { name, isDirectory } of entries) if (isDirectory) await visit(`${folder}${name}/`);
  };
  for (const top of ["cmd/", "packaging/", "lib/"]) await visit(top);
  assert.deepEqual(named.toSorted(), ["main.ts", "mod.ts", ...folders].toSorted());
  const folderOf = (file: string) => `${file.slice(0, file.lastIndexOf("/"))}/`;
  const upwards = (await findImports(root.replace(/\/$/, "")))
    .filter(({ from, isTypeOnly }) => from.includes("/") && !isTypeOnly)
    .filter(({ from, to }) => folderOf(from) !== folderOf(to))
    .filter(({ from, to }) => named.indexOf(folderOf(to)) < named.indexOf(folderOf(from)))
    .map(({ from, to }) => `${from} imports ${to}`);
  assert.deepEqual(upwards, []);
});
