import assert from "node:assert/strict";
import { detectHost } from "../../../lib/host/detect.ts";
import { NixboxError } from "../../../lib/base/error.ts";
import { run } from "../../../lib/host/process/run.ts";
import {
  isAcceptedHash,
  keepLastAccepted,
  noteAcceptedHash,
  readAcceptedContent,
  readLastAccepted,
} from "../../../lib/state/consents.ts";

const hash = "ab".repeat(32);
const id = "0123456789ab";

async function withHost(test: (host: Host, state: string) => Promise<void>): Promise<void> {
  const root = await Deno.realPath(await Deno.makeTempDir());
  const real = await detectHost();
  try {
    const state = `${root}/state`;
    await test({ user: real.user, paths: { ...real.paths, state } }, state);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

type Host = Pick<Awaited<ReturnType<typeof detectHost>>, "user" | "paths">;

Deno.test("what was never accepted is not accepted; what was, is; keys are another thing", () =>
  withHost(async (host) => {
    assert.equal(await isAcceptedHash(host, "contents", hash), false);
    await noteAcceptedHash(host, "contents", hash);
    assert.equal(await isAcceptedHash(host, "contents", hash), true);
    assert.equal(await isAcceptedHash(host, "contents", "cd".repeat(32)), false);
    assert.equal(await isAcceptedHash(host, "keys", hash), false);
  }));

/** Each puts something else in the place of an accepted content's file. */
const lures: readonly (readonly [string, RegExp, (file: string) => Promise<unknown>])[] = [
  ["nothing in it", /garbage/, (file) => Deno.writeTextFile(file, "")],
  ["garbage", /garbage/, (file) => Deno.writeTextFile(file, "\0\u0001{")],
  ["not text", /garbage/, (file) => Deno.writeFile(file, new Uint8Array([0xff]))],
  [
    "a later version",
    /another version/,
    (file) => Deno.writeTextFile(file, JSON.stringify({ version: 2, hash })),
  ],
  [
    "one key more",
    /another version/,
    (file) => Deno.writeTextFile(file, JSON.stringify({ version: 1, hash, more: true })),
  ],
  [
    "another content's word",
    /garbage/,
    (file) => Deno.writeTextFile(file, JSON.stringify({ version: 1, hash: "cd".repeat(32) })),
  ],
  ["a symlink", /is a symlink/, async (file) => {
    await Deno.rename(file, `${file}.real`);
    await Deno.symlink(`${file}.real`, file);
  }],
  ["a link to itself", /is a symlink/, async (file) => {
    await Deno.remove(file);
    await Deno.symlink(file, file);
  }],
  ["a pipe", /not a regular file/, async (file) => {
    await Deno.remove(file);
    await run(["mkfifo", file]);
  }],
  ["a directory", /not a regular file/, async (file) => {
    await Deno.remove(file);
    await Deno.mkdir(file);
  }],
  ["something huge", /more than the 4194304/, (file) => Deno.truncate(file, 2 ** 40)],
];

for (const [what, says, plant] of lures) {
  Deno.test(`in the place of a consent: ${what} is not consent, and the way out works`, () =>
    withHost(async (host, state) => {
      await noteAcceptedHash(host, "contents", hash);
      const file = `${state}/trust/contents/${hash}.json`;
      await plant(file);
      const error = await isAcceptedHash(host, "contents", hash).then(
        (answer) => assert.fail(`it counts as ${answer}`),
        (thrown) => thrown,
      );
      assert.ok(error instanceof NixboxError);
      assert.match(error.message, says);
      assert.equal(error.where, file);
      const way = /`(rm -rf -- .*?)`/.exec(error.hint ?? "")?.[1] ?? "";
      await run(["sh", "-c", way]);
      assert.equal(await isAcceptedHash(host, "contents", hash), false);
    }));
}

Deno.test("a directory that others may write to, or a link to one, is not a place for a consent", async (t) => {
  for (const name of ["", "/trust", "/trust/contents"]) {
    await t.step(`writable: state${name}`, () =>
      withHost(async (host, state) => {
        await noteAcceptedHash(host, "contents", hash);
        await Deno.chmod(`${state}${name}`, 0o777);
        await assert.rejects(isAcceptedHash(host, "contents", hash), { where: `${state}${name}` });
        await assert.rejects(noteAcceptedHash(host, "contents", hash), NixboxError);
      }));
    await t.step(`a link: state${name}`, () =>
      withHost(async (host, state) => {
        await noteAcceptedHash(host, "contents", hash);
        await Deno.rename(`${state}${name}`, `${state}-elsewhere`);
        await Deno.symlink(`${state}-elsewhere`, `${state}${name}`);
        await assert.rejects(isAcceptedHash(host, "contents", hash), { where: `${state}${name}` });
      }));
  }
});

Deno.test("what was accepted last is kept for the next difference, the time before is not", () =>
  withHost(async (host) => {
    const file = (name: string, text: string, contentHash: string) => ({
      ...{ name, kind: "file", hash: contentHash } as const,
      content: new TextEncoder().encode(text),
    });
    assert.equal(readLastAccepted(host, id), undefined);
    const [old, now] = ["aa".repeat(32), "bb".repeat(32)];
    await keepLastAccepted(host, id, hash, [file("config.nix", "old", old)]);
    await keepLastAccepted(host, id, hash, [file("config.nix", "new", now)]);
    const last = readLastAccepted(host, id);
    assert.deepEqual(last?.files.map(({ name }) => name), ["config.nix"]);
    const read = (contentHash: string) =>
      readAcceptedContent(host, id, { name: "config.nix", kind: "file", hash: contentHash });
    assert.equal(await read(now), "new");
    assert.equal(await read(old), undefined);
    assert.equal(await read("../accepted.json"), undefined);
  }));
