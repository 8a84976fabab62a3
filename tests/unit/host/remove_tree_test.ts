import assert from "node:assert/strict";
import { exists } from "../../../lib/host/files/files.ts";
import { removeTree } from "../../../lib/host/files/remove_tree.ts";

Deno.test("a tree is removed however deep it is, with closed directories, and no link is followed", async () => {
  const directory = await Deno.makeTempDir({ prefix: "it's a tree " });
  const top = `${directory}/top`;
  await Deno.mkdir(`${directory}/kept`);
  await Deno.writeTextFile(`${directory}/kept/file`, "kept");
  await Deno.mkdir(`${top}/closed/in`, { recursive: true });
  await Deno.symlink(`${directory}/kept`, `${top}/closed/link`);
  await Deno.writeTextFile(`${top}/closed/in/file`, "");
  await Deno.chmod(`${top}/closed`, 0);
  // A path of the whole depth is longer than the kernel takes; a recursion ends the process.
  let deep = `${top}/0`;
  await Deno.mkdir(deep);
  for (let depth = 1; depth < 3_000; depth++) {
    const above = `${top}/${depth}`;
    await Deno.mkdir(above);
    await Deno.rename(deep, `${above}/d`);
    deep = above;
  }
  await removeTree(top);
  assert.ok(!await exists(top));
  assert.equal(await Deno.readTextFile(`${directory}/kept/file`), "kept");
  await removeTree(top);
  await Deno.remove(directory, { recursive: true });
});
