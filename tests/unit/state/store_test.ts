import assert from "node:assert/strict";
import { detectHost } from "../../../lib/host/detect.ts";
import type { Host } from "../../../lib/host/host.ts";
import { run } from "../../../lib/host/process/run.ts";
import {
  addGuestWritable,
  guestWritableFile,
  readGuestWritable,
} from "../../../lib/state/guest_writable.ts";
import { listRecords, lockProject, readRecord, statePaths } from "../../../lib/state/store.ts";
import { findLeftovers } from "../../../lib/lifecycle/doctor/leftovers.ts";
import { discardMachine } from "../../../lib/lifecycle/up/discard.ts";
import { exampleRecord } from "../support/record.ts";

const { id } = exampleRecord;

async function withState(work: (host: Host, record: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "nixbox-state-" });
  const real = await detectHost();
  const state = `${directory}/state`;
  const paths = { state, cache: state, runtime: `${directory}/run`, secrets: `${directory}/run` };
  const host: Host = { ...real, paths, guestLink: "vsock" };
  try {
    await Deno.mkdir(`${state}/machines`, { recursive: true, mode: 0o700 });
    await work(host, statePaths(host, id).record);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** What can lie in the place of a machine's record. */
const plants: readonly (readonly [string, RegExp, (path: string) => Promise<unknown>])[] = [
  ["nothing in it", /is not a record of this version/, (path) => Deno.writeTextFile(path, "")],
  ["garbage", /is not a record of this version/, (path) => Deno.writeTextFile(path, "\0{}")],
  [
    "a later version",
    /is not a record of this version/,
    (path) => Deno.writeTextFile(path, JSON.stringify({ ...exampleRecord, version: 4 })),
  ],
  [
    "one more key",
    /is not a record of this version/,
    (path) => Deno.writeTextFile(path, JSON.stringify({ ...exampleRecord, more: 1 })),
  ],
  [
    "another project's record",
    /is not a record of this version/,
    (path) => Deno.writeTextFile(path, JSON.stringify({ ...exampleRecord, id: "ba9876543210" })),
  ],
  ["a symlink", /is a symlink/, (path) => Deno.symlink("/etc/passwd", path)],
  ["a FIFO", /is not a regular file/, (path) => run(["mkfifo", path])],
  ["a directory", /is not a regular file/, (path) => Deno.mkdir(path)],
  ["a huge file", /has \d+ bytes, more than/, async (path) => {
    await Deno.writeTextFile(path, "{");
    await Deno.truncate(path, 5_000_000_000);
  }],
  ["another user's file", /belongs to user 12345/, async (path) => {
    await Deno.writeTextFile(path, JSON.stringify(exampleRecord));
    await Deno.chown(path, 12345, 12345);
  }],
];

for (const [what, reason, plant] of plants) {
  Deno.test(`a record with ${what} is refused with its path, and doctor --fix clears it`, () =>
    withState(async (host, path) => {
      await plant(path);
      await assert.rejects(readRecord(host, id), (error: unknown) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, reason);
        assert.ok(error.message.startsWith(path));
        assert.match(String(Reflect.get(error, "hint")), /nixbox doctor --fix/);
        return true;
      });
      const { records, problems, unreadable } = await listRecords(host);
      assert.deepEqual([records, unreadable], [[], [id]]);
      assert.match(problems[0] ?? "", reason);
      const place = { directory: `${host.paths.state}/no-slots` };
      const [leftover] = await findLeftovers(host, place);
      assert.equal(leftover?.kind, "record");
      await discardMachine(host, place, id);
      assert.equal(await readRecord(host, id), undefined);
      assert.deepEqual(await findLeftovers(host, place), []);
      assert.ok((await Deno.stat("/etc/passwd")).isFile);
    }));
}

Deno.test("a project's lock that is a FIFO, a symlink or a directory is named; a held one with its holder", () =>
  withState(async (host) => {
    const { lock, directory } = statePaths(host, id);
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    const plant = [
      () => run(["mkfifo", lock]),
      () => Deno.symlink("/etc/passwd", lock),
      () => Deno.mkdir(lock),
    ];
    for (const make of plant) {
      await make();
      await assert.rejects(lockProject(host, id, { timeoutMs: 0 }), /the lock .* is /);
      await Deno.remove(lock);
    }
    const held = await lockProject(host, id, { timeoutMs: 0 });
    await assert.rejects(lockProject(host, id, { timeoutMs: 0 }), (error: unknown) => {
      assert.match(
        String(Reflect.get(Object(error), "hint")),
        new RegExp(`process ${Deno.pid} of`),
      );
      return true;
    });
    held.release();
  }));

Deno.test("a state directory that others can write to is refused", () =>
  withState(async (host) => {
    await Deno.chmod(host.paths.state, 0o777);
    const lock = () => lockProject(host, id, { timeoutMs: 0 });
    await assert.rejects(lock, /is not a directory that only you can write to/);
    await Deno.chmod(host.paths.state, 0o700);
    await Deno.chown(host.paths.state, 12345, 12345);
    await assert.rejects(lock, /is not a directory that only you can write to/);
    await Deno.chown(host.paths.state, Deno.uid() ?? 0, null);
    (await lock()).release();
  }));

Deno.test("what guests can write is remembered, each once, and a malformed list is refused", () =>
  withState(async (host) => {
    const here = host.paths.state;
    await addGuestWritable(host, [here, "/no/such/directory"]);
    await addGuestWritable(host, [here]);
    assert.deepEqual(readGuestWritable(host), [here]);
    for (const bad of ["", "{}", "[1]", `["a"`]) {
      await Deno.writeTextFile(guestWritableFile(host), bad);
      assert.throws(() => readGuestWritable(host), /is not a list of directories/);
    }
  }));
