import { notStrictEqual, strictEqual as assertEquals } from "node:assert/strict";
import { hashTree } from "../../../lib/build/build_hash.ts";
import { withTree } from "./tree.ts";

const files = { "a.nix": "1", "d/b": "2", "l": { link: "a.nix" } };

Deno.test("two trees of the same content have one hash, wherever and whenever they were made", () =>
  withTree(files, (one) =>
    withTree(files, async (other) => {
      await Deno.utime(`${other}/a.nix`, 1, 1);
      assertEquals(await hashTree(one), await hashTree(other));
    })));

const changes: readonly [what: string, change: (root: string) => Promise<void>][] = [
  ["a content", (root) => Deno.writeTextFile(`${root}/d/b`, "3")],
  ["a name", (root) => Deno.rename(`${root}/d/b`, `${root}/d/c`)],
  ["a place", (root) => Deno.rename(`${root}/d/b`, `${root}/b`)],
  ["the executable bit", (root) => Deno.chmod(`${root}/d/b`, 0o755)],
  ["another file", (root) => Deno.writeTextFile(`${root}/d/new`, "")],
  ["an empty directory", (root) => Deno.mkdir(`${root}/new`)],
  ["a missing file", (root) => Deno.remove(`${root}/a.nix`)],
  ["where a symlink points", async (root) => {
    await Deno.remove(`${root}/l`);
    await Deno.symlink("d/b", `${root}/l`);
  }],
  ["a file in place of a symlink", async (root) => {
    await Deno.remove(`${root}/l`);
    await Deno.writeTextFile(`${root}/l`, "a.nix");
  }],
];

for (const [what, change] of changes) {
  Deno.test(`${what} makes another hash`, () =>
    withTree(files, async (root) => {
      const before = await hashTree(root);
      await change(root);
      notStrictEqual(await hashTree(root), before);
    }));
}

Deno.test("what is hashed beside the tree counts", () =>
  withTree(files, async (root) => {
    notStrictEqual(await hashTree(root, ["a"]), await hashTree(root, ["b"]));
    notStrictEqual(await hashTree(root, ["a"]), await hashTree(root));
  }));

Deno.test("a symlink to nowhere, and names with newlines and quotes, can be hashed", () =>
  withTree({ 'it\'s\n"x"': "1", "gone": { link: "/nowhere" } }, async (root) => {
    assertEquals((await hashTree(root)).length, 64);
  }));
