import assert from "node:assert/strict";
import { followPath, type PathPart } from "../../../lib/host/files/follow_path.ts";
import { withTree } from "../build/tree.ts";

const tree = {
  "d/e/file": "",
  "up": { link: "d/e/.." },
  "d/to-e": { link: "e" },
  "chain": { link: "up/to-e/file" },
  "loop": { link: "loop" },
  "gone": { link: "d/nothing" },
};

/** What is looked at below the tree, and where it ends. */
async function walk(root: string, path: string, stopAt?: string) {
  const seen: string[] = [];
  const below = (part: PathPart) => part.path.slice(root.length + 1);
  const { path: at, isDirectory, end } = await followPath(`${root}/${path}`, (part) => {
    if (part.path.length > root.length) seen.push(`${part.kind} ${below(part)}`);
    if (stopAt !== undefined && below(part) === stopAt) return "stop";
  });
  return { seen, at: at.slice(root.length + 1), isDirectory, end };
}

const cases: readonly [path: string, seen: string, at: string, isDirectory: boolean][] = [
  ["d/e", "entry d, entry d/e", "d/e", true],
  ["d//./e/file", "entry d, entry d/e, entry d/e/file", "d/e/file", false],
  ["d/e/../to-e", "entry d, entry d/e, link d/to-e, entry d/e", "d/e", true],
  ["up", "link up, entry d, entry d/e", "d", true],
  [
    "chain",
    "link chain, link up, entry d, entry d/e, link d/to-e, entry d/e, entry d/e/file",
    "d/e/file",
    false,
  ],
  ["gone", "link gone, entry d, missing d/nothing", "d/nothing", false],
  ["nothing/more", "missing nothing, missing nothing/more", "nothing/more", false],
  ["d/e/file/x", "entry d, entry d/e, entry d/e/file, missing d/e/file/x", "d/e/file/x", false],
];

for (const [path, seen, at, isDirectory] of cases) {
  Deno.test(`a path is followed link by link: ${path}`, () =>
    withTree(tree, async (root) => {
      const found = await walk(root, path);
      assert.deepEqual(found, { seen: seen.split(", "), at, isDirectory, end: "whole" });
      // As the kernel has it, where there is anything.
      const real = await Deno.realPath(`${root}/${path}`).catch(() => `${root}/${at}`);
      assert.equal(`${root}/${at}`, real);
    }));
}

Deno.test("an absolute link begins at the root, and a loop ends", () =>
  withTree(tree, async (root) => {
    await Deno.symlink(`${root}/d/to-e`, `${root}/absolute`);
    const { at, end } = await walk(root, "absolute/file");
    assert.deepEqual([at, end], ["d/e/file", "whole"]);
    const loop = await walk(root, "loop");
    assert.deepEqual([loop.end, loop.seen.length], ["endless", 41]);
  }));

Deno.test("who looks can stop it, and a link is not followed then", () =>
  withTree(tree, async (root) => {
    const { seen, at, end } = await walk(root, "up/to-e", "up");
    assert.deepEqual([seen, at, end], [["link up"], "", "stopped"]);
  }));

Deno.test("a part whose name is too long to look at is hidden, with the error", async () => {
  const kinds: string[] = [];
  await followPath(`/tmp/${"x".repeat(300)}`, (part) => void kinds.push(part.kind));
  assert.equal(kinds.at(-1), "hidden");
});
