import assert from "node:assert/strict";
import { version } from "../../../cmd/version.ts";
import { targets } from "../../../packaging/compile.ts";

const root = new URL("../../../", import.meta.url);

async function text(path: string): Promise<string> {
  return await Deno.readTextFile(new URL(path, root));
}

const names: string[] = [];
for await (const { name } of Deno.readDir(new URL(".github/workflows", root))) names.push(name);
const workflows = new Map(
  await Promise.all(
    names.sort().map(async (name): Promise<[string, string]> => [
      name,
      await text(`.github/workflows/${name}`),
    ]),
  ),
);

Deno.test("workflows name tasks and scripts that are there", async () => {
  const { tasks } = JSON.parse(await text("deno.json"));
  let found = 0;
  for (const [name, workflow] of workflows) {
    for (const [, task = ""] of workflow.matchAll(/(?:deno|deno@2\.9) task ([a-z]+)/g)) {
      assert.ok(task in tasks, `${name}: deno task ${task}`);
      found++;
    }
    for (const [, path = ""] of workflow.matchAll(/run: (\.github\/\S+)/g)) {
      assert.ok((await Deno.stat(new URL(path, root))).isFile, path);
    }
  }
  assert.ok(found >= 4);
});

Deno.test("files are made for the four targets that the task knows", () => {
  for (const name of ["compile.yml", "release.yml"]) {
    const named = [...workflows.get(name)?.matchAll(/target: ([a-z0-9_-]+) \}/g) ?? []];
    assert.deepEqual(named.map(([, target]) => target).sort(), targets.toSorted(), name);
  }
});

Deno.test("one version everywhere", async () => {
  const { version: inSettings } = JSON.parse(await text("deno.json"));
  const { ".": released } = JSON.parse(await text(".github/release-please-manifest.json"));
  assert.deepEqual([inSettings, released], [version, version]);
  assert.match(await text("cmd/version.ts"), /x-release-please-version/);
});
