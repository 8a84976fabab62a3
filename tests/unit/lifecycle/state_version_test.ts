import assert from "node:assert/strict";
import { stateVersionOf } from "../../../lib/build/state_version.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import { noteStateVersion, versionOfDisk } from "../../../lib/lifecycle/project/state_version.ts";
import { forgetMachine, removeDisks } from "../../../lib/state/kept.ts";
import { makeTree, withTree } from "../build/tree.ts";

const project = { id: "0123456789ab" };
const own = `s/projects/${project.id}`;
const detected = await detectHost();

/** A host whose state directory has these files for the project. */
async function placeWith(files: Readonly<Record<string, string>>) {
  const inState = Object.entries(files).map(([name, text]) => [`${own}/${name}`, text] as const);
  const root = await makeTree({ [`${own}/lock`]: "", ...Object.fromEntries(inState) });
  const host = { ...detected, paths: { ...detected.paths, state: `${root}/s` } };
  const note = `${root}/${own}/state-version`;
  return { root, host, note };
}

const cases: readonly {
  readonly claim: string;
  readonly files: Readonly<Record<string, string>>;
  readonly isOf: string | undefined;
  readonly bootedBy25_11: string | undefined;
}[] = [
  { claim: "without a disk there is none", files: {}, isOf: undefined, bootedBy25_11: "25.11" },
  {
    claim: "a note without a disk, which a boot that failed left, does not count",
    files: { "state-version": "24.05\n" },
    isOf: undefined,
    bootedBy25_11: "25.11",
  },
  {
    claim: "logs, a build and keys are not a disk",
    files: {
      "state-version": "24.05\n",
      "logs/console.log": "",
      "build/x": "",
      "accepted/y": "",
      "state-version.0123abcd.new": "",
    },
    isOf: undefined,
    bootedBy25_11: "25.11",
  },
  {
    claim: "a disk keeps what was noted of it",
    files: { "state-version": "24.05\n", "root.img": "" },
    isOf: "24.05",
    bootedBy25_11: "24.05",
  },
  {
    claim: "a disk that nothing is known of has that of the runner",
    files: { "root.img": "" },
    isOf: undefined,
    bootedBy25_11: "25.11",
  },
];

for (const { claim, files, isOf, bootedBy25_11 } of cases) {
  Deno.test(`state version: ${claim}`, async () => {
    const { root, host, note } = await placeWith(files);
    try {
      assert.equal(await versionOfDisk(host, project), isOf);
      assert.equal(await noteStateVersion(host, project, "25.11"), bootedBy25_11);
      assert.equal(await Deno.readTextFile(note), `${bootedBy25_11}\n`);
    } finally {
      await Deno.remove(root, { recursive: true });
    }
  });
}

Deno.test("a disk that nothing was noted of has the release that it was last built with", async () => {
  const { root, host, note } = await placeWith({
    "root.img": "",
    "runner/share/microvm/system/etc/os-release": 'NAME=NixOS\nVERSION_ID="25.05"\n',
  });
  try {
    const runnerDirectory = `${root}/${own}/runner`;
    await Deno.mkdir(`${root}/${own}/build`);
    const built = JSON.stringify({ hash: "h", runnerDirectory });
    await Deno.writeTextFile(`${root}/${own}/build/built.json`, built);
    assert.equal(await noteStateVersion(host, project, "25.11"), "25.05");
    assert.equal(await Deno.readTextFile(note), "25.05\n");
  } finally {
    await Deno.remove(root, { recursive: true });
  }
});

Deno.test("a note goes when nothing is known and there is no disk", async () => {
  const { root, host, note } = await placeWith({ "state-version": "24.05\n" });
  await noteStateVersion(host, project);
  await assert.rejects(Deno.stat(note), Deno.errors.NotFound);
  await Deno.remove(root, { recursive: true });
});

Deno.test("what is noted and is not a release is an error that names the file", async () => {
  const { root, host } = await placeWith({ "state-version": "\n", "root.img": "" });
  await assert.rejects(versionOfDisk(host, project), /not a release of NixOS/);
  await Deno.remove(root, { recursive: true });
});

Deno.test("the note goes with the disk, and is not told as one", async () => {
  for (const remove of [removeDisks, forgetMachine]) {
    const { root, host, note } = await placeWith({ "state-version": "24.05\n", "root.img": "" });
    assert.deepEqual(await remove(host, project.id), ["root.img"]);
    await assert.rejects(Deno.stat(note), Deno.errors.NotFound);
    await Deno.remove(root, { recursive: true });
  }
});

const runners: readonly [what: string, files: Record<string, string>, version?: string][] = [
  ["says it", { "share/nixbox/guest.json": '{"user":"u","stateVersion":"24.11"}' }, "24.11"],
  ["is of an earlier nixbox, whose release counts", {
    "share/nixbox/guest.json": '{"user":"u"}',
    "share/microvm/system/etc/os-release": 'ID=nixos\nVERSION_ID="25.05"\n',
  }, "25.05"],
  ["says what is not a release", { "share/nixbox/guest.json": '{"stateVersion":"../x"}' }],
  ["says nothing", { "bin/microvm-run": "" }],
];

for (const [what, files, version] of runners) {
  Deno.test(`the state version of a runner that ${what}`, () =>
    withTree(files, async (root) => {
      assert.equal(await stateVersionOf(root), version);
    }));
}
