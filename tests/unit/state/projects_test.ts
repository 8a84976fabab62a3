import assert from "node:assert/strict";
import { knownProjects, noteProject } from "../../../lib/state/projects.ts";
import {
  privateDirectories,
  requireHidden,
} from "../../../lib/lifecycle/protection/private_directories.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import { run } from "../../../lib/host/process/run.ts";
import { exampleRecord } from "../support/record.ts";

const detected = await detectHost();

async function place() {
  const root = await Deno.realPath(await Deno.makeTempDir());
  const paths = {
    state: `${root}/s`,
    cache: `${root}/c`,
    runtime: `${root}/r`,
    secrets: `${root}/x`,
  };
  const projectAt = async (name: string) => {
    const directory = `${root}/${name}`;
    await Deno.mkdir(`${directory}/.nixbox`, { recursive: true });
    const id = name.replace("/", "0").padEnd(12, "0").slice(0, 12);
    return { id, directory, configDirectory: `${directory}/.nixbox`, configFile: "" };
  };
  return { root, host: { ...detected, paths }, projectAt };
}

Deno.test("each project that was used is known, and its .nixbox is hidden from every other", async () => {
  const { root, host, projectAt } = await place();
  const [one, two, gone] = [
    await projectAt("a1"),
    await projectAt("b2/deep"),
    await projectAt("c3"),
  ];
  for (const project of [one, two, gone, one]) await noteProject(host, project);
  assert.deepEqual((await knownProjects(host)).map(({ directory }) => directory).sort(), [
    `${root}/a1`,
    `${root}/b2/deep`,
    `${root}/c3`,
  ]);
  await Deno.remove(`${root}/c3`, { recursive: true });
  await Deno.writeTextFile(`${root}/s/projects/stray`, "");
  const hidden = await privateDirectories(host, one);
  assert.ok(hidden.includes(`${root}/a1/.nixbox`));
  assert.ok(hidden.includes(`${root}/b2/deep/.nixbox`));
  assert.ok(!hidden.includes(`${root}/c3/.nixbox`), "what is gone is not made again");
  // A symlink in its place leads to what is not a project's.
  await Deno.remove(`${root}/b2/deep/.nixbox`);
  await Deno.symlink(root, `${root}/b2/deep/.nixbox`);
  assert.ok(!(await privateDirectories(host, one)).includes(`${root}/b2/deep/.nixbox`));
});

type Spoil = (path: string) => Promise<unknown>;
const spoiled: Readonly<Record<string, Spoil>> = {
  "garbage": (path) => Deno.writeTextFile(path, "{"),
  "of a later version": (path) =>
    Deno.writeTextFile(path, '{"version":2,"directory":"/","identity":""}'),
  "with one more key": (path) =>
    Deno.writeTextFile(path, '{"version":1,"directory":"/","identity":"","more":1}'),
  "huge": (path) => Deno.truncate(path, 2 ** 32),
  "a symlink": async (path) => {
    await Deno.remove(path);
    await Deno.symlink("/etc/passwd", path);
  },
  "a directory": async (path) => {
    await Deno.remove(path);
    await Deno.mkdir(path);
  },
  "a pipe": async (path) => {
    await Deno.remove(path);
    await run(["mkfifo", path]);
  },
};

for (const [what, spoil] of Object.entries(spoiled)) {
  Deno.test(`what is known of a project is ${what}: refused, with its path`, async () => {
    const { root, host, projectAt } = await place();
    const one = await projectAt("a1");
    await noteProject(host, one);
    const path = `${root}/s/projects/${one.id}/project.json`;
    await spoil(path);
    await assert.rejects(privateDirectories(host, one), (error) => {
      assert.ok(error instanceof Error && error.message.includes(path), String(error));
      return true;
    });
  });
}

Deno.test("a project that a running machine sees is refused, until that machine has gone", async () => {
  const { root, host, projectAt } = await place();
  const project = await projectAt("a1");
  const [share] = exampleRecord.shares;
  assert.ok(share);
  const vmm = await host.processes.identify(Deno.pid);
  const record = { ...exampleRecord, vmm, shares: [{ ...share, source: root }] };
  await Deno.mkdir(`${root}/s/machines`, { recursive: true });
  const write = (value: unknown) =>
    Deno.writeTextFile(`${root}/s/machines/${exampleRecord.id}.json`, JSON.stringify(value));
  await write(record);
  await assert.rejects(requireHidden(host, project), /the machine box sees .*a1\/\.nixbox/);
  await write({
    ...record,
    shares: [{ ...share, source: root, masks: [project.configDirectory] }],
  });
  await requireHidden(host, project);
  await write({ ...record, vmm: { pid: Deno.pid, startTime: "another" } });
  await requireHidden(host, project);
  await write(record);
  await requireHidden(host, { ...project, id: exampleRecord.id });
});
