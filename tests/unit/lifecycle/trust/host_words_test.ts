import assert from "node:assert/strict";
import { pathsInWords, runsOnHost } from "../../../../lib/lifecycle/trust/host_words.ts";
import { withTree } from "../../build/tree.ts";

const noHooks = { "pre-up": [], "post-up": [], "pre-down": [], "post-down": [] };

/** Of the files in a tree, those that a hook's line or a command's words name. */
async function found(
  root: string,
  line: string,
  command: readonly string[] = ["true"],
): Promise<readonly string[]> {
  const project = { directory: `${root}/p`, configDirectory: `${root}/p/.nixbox` };
  const config = { hooks: { ...noHooks, "post-down": [line] }, env: { A: { command } } };
  const paths = await pathsInWords(config, { project, home: `${root}/home` });
  const files: string[] = [];
  for (const path of paths) {
    const isFile = await Deno.stat(path).then((info) => info.isFile, () => false);
    if (isFile && path.startsWith(`${root}/`)) files.push(path.slice(root.length + 1));
  }
  return [...new Set(files)].sort();
}

const tree = {
  "p/.nixbox/in.sh": "",
  "p/login.sh": "",
  "p/my script.sh": "",
  "p/tools/get": "",
  "home/bin/get": "",
  "other/x": "",
  "p/hooks.d/1.sh": "",
  "p/hooks.d/2.sh": "",
};

const lines: readonly (readonly [string, readonly string[]])[] = [
  ["./in.sh", ["p/.nixbox/in.sh"]],
  ["../login.sh a b", ["p/login.sh"]],
  ["sh ../login.sh", ["p/login.sh"]],
  ["sh <../login.sh >/dev/null", ["p/login.sh"]],
  ["true&&../login.sh|../tools/get;./in.sh", ["p/.nixbox/in.sh", "p/login.sh", "p/tools/get"]],
  ["(../login.sh)", ["p/login.sh"]],
  ["echo $(../login.sh) `../tools/get`", ["p/login.sh", "p/tools/get"]],
  ['"$NIXBOX_PROJECT/login.sh"', ["p/login.sh"]],
  ["$NIXBOX_PROJECT/login.sh", ["p/login.sh"]],
  ["${NIXBOX_PROJECT}/tools/get x", ["p/tools/get"]],
  ["sh '../my script.sh'", ["p/my script.sh"]],
  ['sh "$NIXBOX_PROJECT/my script.sh"', ["p/my script.sh"]],
  ["~/bin/get", ["home/bin/get"]],
  ["$HOME/bin/get", ["home/bin/get"]],
  ["FILE=../login.sh sh -c x", ["p/login.sh"]],
  ["get --script=../tools/get", ["p/tools/get"]],
  ['"$NIXBOX_PROJECT"/login.sh', ["p/login.sh"]],
  ["cd ..; ./login.sh", ["p/login.sh"]],
  ["cd .. && sh login.sh", ["p/login.sh"]],
  ['cd "$NIXBOX_PROJECT" && sh tools/get', ["p/tools/get"]],
  ["cd ../tools && ./get", ["p/tools/get"]],
  ["sh $PWD/../login.sh", ["p/login.sh"]],
  ["sh ../lo\\gin.sh", ["p/login.sh"]],
  ["for f in ../hooks.d/*; do . $f; done", ["p/hooks.d/1.sh", "p/hooks.d/2.sh"]],
  ["for f in ../hooks.d/1*.sh; do . $f; done", ["p/hooks.d/1.sh"]],
  ["if [ -e ../login.sh ]; then . ../login.sh; fi", ["p/login.sh"]],
  ["env >../login.sh", []],
  ["env 2>>$NIXBOX_PROJECT/login.sh", []],
  ["/usr/bin/env ls /etc/hostname", []],
  ["echo hello > /dev/null", []],
  ["cd ../tools", []],
  ["../not-there", []],
];

for (const [line, expected] of lines) {
  Deno.test(`files in a hook's words: ${line}`, () =>
    withTree(tree, async (root) => assert.deepEqual(await found(root, line), expected)));
}

Deno.test("the words of a command are words, whatever is in them", () =>
  withTree(tree, async (root) => {
    const words = ["../tools/get", "../my script.sh", "--file=../login.sh"];
    const expected = ["p/login.sh", "p/my script.sh", "p/tools/get"];
    assert.deepEqual(await found(root, "true", words), expected);
    const lines = ["sh", "-c", "../login.sh arg"];
    assert.deepEqual(await found(root, "true", lines), ["p/login.sh"]);
    const elsewhere = ["env", "-C", "..", "./login.sh"];
    assert.deepEqual(await found(root, "true", elsewhere), ["p/login.sh"]);
    assert.deepEqual(await found(root, `sh "${root}/other/x"`), ["other/x"]);
  }));

Deno.test("hooks and commands run on the host, values and files do not", () => {
  assert.ok(
    !runsOnHost({ hooks: noHooks, env: { A: "x", B: { file: "/f" }, C: { fromEnv: "D" } } }),
  );
  assert.ok(runsOnHost({ hooks: noHooks, env: { A: { command: ["x"] } } }));
  assert.ok(runsOnHost({ hooks: { ...noHooks, "pre-down": ["x"] }, env: {} }));
});
