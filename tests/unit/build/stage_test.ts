import { deepStrictEqual as assertEquals, notStrictEqual, ok, rejects } from "node:assert/strict";
import { hashWithoutDisk, stage, type StageInput } from "../../../lib/build/stage.ts";
import { checkConfig } from "../../../lib/config/schema.ts";
import { exists } from "../../../lib/host/files/files.ts";
import { sampleWith } from "../config/sample.ts";
import { withTree } from "./tree.ts";

const tree = {
  "assets/flake.nix": "flake",
  "assets/flake.lock": "our lock",
  "assets/nix/guest/default.nix": "{ }",
  "p/.nixbox/it's.nix": "{ imports = [ ./more.nix ]; }",
  "p/.nixbox/more.nix": "{ }",
  "p/.nixbox/linked.nix": { link: "more.nix" },
  "p/.nixbox/setup.sh": "echo",
  "p/.nixbox/plugin.nix": "{ }",
};

function inputIn(root: string, changes: Readonly<Record<string, unknown>> = {}): StageInput {
  const config = sampleWith({
    "nix.modules": [`${root}/p/.nixbox/it's.nix`, `${root}/p/.nixbox/linked.nix`],
    scripts: [{ path: `${root}/p/.nixbox/setup.sh` }],
    plugins: [{ name: "plugin", path: `${root}/p/.nixbox/plugin.nix` }],
    env: { TOKEN: "s3cret" },
    ...changes,
  });
  return {
    assets: `${root}/assets`,
    files: "",
    configDirectory: `${root}/p/.nixbox`,
    config: checkConfig(config, "c"),
    hypervisor: "qemu",
    hostSystem: "x86_64-linux",
  };
}

async function filesBelow(directory: string, prefix = ""): Promise<string[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    if (!isDirectory) names.push(`${prefix}${name}`);
    else names.push(...await filesBelow(`${directory}/${name}`, `${prefix}${name}/`));
  }
  return names.sort();
}

Deno.test("the stage holds our Nix files, the lock, the modules with what they import, and the config", () =>
  withTree(tree, async (root) => {
    await stage(`${root}/stage`, inputIn(root));
    assertEquals(await filesBelow(`${root}/stage`), [
      "flake.lock",
      "flake.nix",
      "nix/guest/default.nix",
      `project/files${root}/p/.nixbox/it's.nix`,
      `project/files${root}/p/.nixbox/linked.nix`,
      `project/files${root}/p/.nixbox/more.nix`,
      "project/project.json",
    ]);
    const linked = await Deno.realPath(`${root}/stage/project/files${root}/p/.nixbox/linked.nix`);
    assertEquals(linked, `${root}/stage/project/files${root}/p/.nixbox/more.nix`);
    assertEquals(JSON.parse(await Deno.readTextFile(`${root}/stage/project/project.json`)), {
      name: "my-project",
      user: "ada",
      hypervisor: "qemu",
      hostSystem: "x86_64-linux",
      rosetta: false,
      diskGB: 20,
      packages: [],
      ldLibraries: [],
      modules: [`files${root}/p/.nixbox/it's.nix`, `files${root}/p/.nixbox/linked.nix`],
    });
  }));

Deno.test("values of env are in no file of the stage", () =>
  withTree(tree, async (root) => {
    await stage(`${root}/stage`, inputIn(root));
    for (const file of await filesBelow(`${root}/stage`)) {
      ok(!(await Deno.readTextFile(`${root}/stage/${file}`)).includes("s3cret"), file);
    }
  }));

Deno.test("the project's own lock goes before ours", () =>
  withTree({ ...tree, "p/.nixbox/flake.lock": "its lock" }, async (root) => {
    await stage(`${root}/stage`, inputIn(root));
    assertEquals(await Deno.readTextFile(`${root}/stage/flake.lock`), "its lock");
  }));

Deno.test("staging again gives the same hash, and leaves nothing of the stage before", () =>
  withTree(tree, async (root) => {
    const hash = await stage(`${root}/stage`, inputIn(root));
    await Deno.writeTextFile(`${root}/stage/stray`, "");
    assertEquals(await stage(`${root}/stage`, inputIn(root)), hash);
    assertEquals(await exists(`${root}/stage/stray`), false);
  }));

const unchanged: readonly [string, Readonly<Record<string, unknown>>][] = [
  ["a value of env", { env: { TOKEN: "other" } }],
  ["vCPUs and memory", { "resources.vcpus": 1, "resources.memoryMB": 512 }],
  ["the network", { "network.mode": "off", "network.ports": [] }],
  ["mounts", { mounts: [] }],
  ["a hook", { "hooks.pre-up": ["true"] }],
];

for (const [what, changes] of unchanged) {
  Deno.test(`${what} decides nothing of the build`, () =>
    withTree(tree, async (root) => {
      const before = await stage(`${root}/stage`, inputIn(root));
      assertEquals(await stage(`${root}/stage`, inputIn(root, changes)), before);
    }));
}

const changed: readonly [string, Readonly<Record<string, unknown>>][] = [
  ["a package", { "nix.packages": ["git"] }],
  ["a library", { "nix.ldLibraries": ["zlib"] }],
  ["a module less", { "nix.modules": [] }],
  ["a script less", { scripts: [] }],
  ["a plugin less", { plugins: [] }],
  ["the name", { name: "other" }],
  ["the user", { user: "other" }],
  ["the disk", { "resources.diskGB": 21 }],
];

for (const [what, changes] of changed) {
  Deno.test(`${what} makes another build`, () =>
    withTree(tree, async (root) => {
      const before = await stage(`${root}/stage`, inputIn(root));
      notStrictEqual(await stage(`${root}/stage`, inputIn(root, changes)), before);
    }));
}

for (
  const file of [
    "assets/flake.nix",
    "assets/flake.lock",
    "assets/nix/guest/default.nix",
    "p/.nixbox/it's.nix",
    "p/.nixbox/more.nix",
    "p/.nixbox/setup.sh",
    "p/.nixbox/plugin.nix",
  ]
) {
  Deno.test(`a change of ${file} makes another build`, () =>
    withTree(tree, async (root) => {
      const before = await stage(`${root}/stage`, inputIn(root));
      await Deno.writeTextFile(`${root}/${file}`, "changed");
      notStrictEqual(await stage(`${root}/stage`, inputIn(root)), before);
    }));
}

for (
  const [what, change] of [
    ["the hypervisor", { hypervisor: "cloud-hypervisor" }],
    ["the host's system", { hostSystem: "aarch64-linux" }],
  ] as const
) {
  Deno.test(`${what} makes another build`, () =>
    withTree(tree, async (root) => {
      const before = await stage(`${root}/stage`, inputIn(root));
      notStrictEqual(await stage(`${root}/stage`, { ...inputIn(root), ...change }), before);
    }));
}

Deno.test("a stage that fails leaves the one before as it was, and nothing half done", () =>
  withTree(tree, async (root) => {
    await stage(`${root}/stage`, inputIn(root));
    const input = inputIn(root, { "nix.modules": [`${root}/nowhere.nix`] });
    await rejects(stage(`${root}/stage`, input), { where: "nix.modules", hint: /fix the path/ });
    assertEquals(await exists(`${root}/stage/flake.nix`), true);
    assertEquals(await exists(`${root}/stage.unfinished`), false);
  }));

Deno.test("the version of a disk is in the stage and its hash, and the hash without it is the other's", () =>
  withTree(tree, async (root) => {
    const input = inputIn(root);
    const without = await stage(`${root}/stage`, input);
    const hash = await stage(`${root}/stage`, { ...input, stateVersion: "25.11" });
    assertEquals(await Deno.readTextFile(`${root}/stage/project/state-version`), "25.11");
    notStrictEqual(hash, without);
    notStrictEqual(await stage(`${root}/stage`, { ...input, stateVersion: "25.05" }), hash);
    assertEquals(await hashWithoutDisk(`${root}/stage`, input.config), without);
  }));
