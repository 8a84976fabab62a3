import assert from "node:assert/strict";
import { checkConfig } from "../../../../lib/config/schema.ts";
import { decisionsOf } from "../../../../lib/lifecycle/trust/decisions.ts";
import { sampleWith } from "../../config/sample.ts";
import { withTree } from "../../build/tree.ts";

function decisions(directory: string, changes: Record<string, unknown>): Promise<string> {
  const mounts = [{ source: directory, target: "~/workspace" }];
  const config = checkConfig(sampleWith({ mounts, ...changes }), "config.nix");
  return decisionsOf(config, { directory });
}

Deno.test("a content comes to the same wherever it lies, and on a larger host", () =>
  withTree({ "a/p/x.sh": "", "b/p/x.sh": "" }, async (root) => {
    const at = (directory: string) =>
      decisions(directory, {
        scripts: [{ path: `${directory}/x.sh` }],
        "hooks.pre-up": [`sh ${directory}/x.sh`],
        "env.T": { file: `${directory}/token` },
      });
    assert.equal(await at(`${root}/a/p`), await at(`${root}/b/p`));
    const larger = { "resources.memoryMB": 9999, name: "other", user: "bob" };
    assert.equal(await decisions(`${root}/a/p`, larger), await decisions(`${root}/a/p`, {}));
  }));

const changes: readonly Record<string, unknown>[] = [
  { "hooks.pre-up": ["evil"] },
  { "env.X": { command: ["evil"] } },
  { "env.X": { fromEnv: "GH_TOKEN" } },
  { "network.allowHost": [22] },
  { "network.dns": ["6.6.6.6"] },
  { "nix.modules": ["/m.nix"] },
  { scripts: [{ path: "/home/ada/.ssh/id" }] },
  { plugins: [{ name: "p", path: "/p/default.nix" }] },
  { hypervisor: "qemu" },
];

for (const change of changes) {
  Deno.test(`what a content comes to differs by ${JSON.stringify(change)}`, () =>
    withTree({ "p/x": "" }, async (root) => {
      assert.notEqual(await decisions(`${root}/p`, change), await decisions(`${root}/p`, {}));
    }));
}

Deno.test("a share that leads out of the project is another one elsewhere, there yet or not", () =>
  withTree({ "a/p/x": "", "b/p/x": "", "home/x": "" }, async (root) => {
    const parent = (directory: string) =>
      decisions(directory, { mounts: [{ source: `${directory}/..`, target: "/up" }] });
    assert.notEqual(await parent(`${root}/a/p`), await parent(`${root}/b/p`));
    const optional = (on: boolean) =>
      decisions(`${root}/a/p`, {
        mounts: on ? [{ source: `${root}/none`, target: "/n", optional: true }] : [],
      });
    assert.notEqual(await optional(true), await optional(false));
    await Deno.symlink(`${root}/home`, `${root}/a/p/link`);
    const linked = () =>
      decisions(`${root}/a/p`, { mounts: [{ source: `${root}/a/p/link`, target: "/l" }] });
    const before = await linked();
    await Deno.remove(`${root}/a/p/link`);
    await Deno.mkdir(`${root}/a/p/link`);
    assert.notEqual(await linked(), before);
  }));
