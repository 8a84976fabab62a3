import assert from "node:assert/strict";
import {
  expandHome,
  isWithin,
  joinPath,
  nameOf,
  parentOf,
  pathBelow,
  resolvePath,
} from "../../../lib/base/paths.ts";

Deno.test("paths are resolved as written, without asking the disk", () => {
  assert.equal(resolvePath("/a/b", "../c/./d"), "/a/c/d");
  assert.equal(resolvePath("/a", "../../../x"), "/x");
  assert.equal(resolvePath("/a", "/b/../c"), "/c");
  assert.equal(resolvePath("/a b", "./c'd"), "/a b/c'd");
  assert.equal(resolvePath("/", "a//b/"), "/a/b");
  assert.equal(resolvePath("/a", ".."), "/");
});

Deno.test("a path is its parent and its name; the top is its own parent", () => {
  for (const path of ["/a", "/a/b c", "/a/.b"]) {
    assert.equal(joinPath(parentOf(path), nameOf(path)), path);
  }
  assert.equal(parentOf("/a"), "/");
  assert.equal(parentOf("/"), "/");
  assert.equal(nameOf("/"), "");
  assert.equal(joinPath("/", "a/b"), "/a/b");
});

Deno.test("a directory is within itself, and not within one whose name only begins alike", () => {
  assert.equal(isWithin("/a/b", "/a/b"), true);
  assert.equal(isWithin("/a/bc", "/a/b"), false);
  assert.equal(isWithin("/a", "/"), true);
  assert.equal(isWithin("/", "/"), true);
  assert.equal(isWithin("/", "/a"), false);
});

Deno.test("the way below a directory leads from it to the path", () => {
  assert.equal(pathBelow("/a/b/c", "/a"), "b/c");
  assert.equal(pathBelow("/a/b", "/"), "a/b");
  assert.equal(pathBelow("/a", "/a"), "");
  assert.equal(pathBelow("/", "/"), "");
});

Deno.test("only a lone ~ at the beginning is the home directory", () => {
  assert.equal(expandHome("~", "/home/dev"), "/home/dev");
  assert.equal(expandHome("~/a", "/home/dev"), "/home/dev/a");
  assert.equal(expandHome("~/a", "/"), "/a");
  assert.equal(expandHome("~dev/a", "/home/dev"), "~dev/a");
  assert.equal(expandHome("/~/a", "/home/dev"), "/~/a");
});
