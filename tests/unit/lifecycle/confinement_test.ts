import assert from "node:assert/strict";
import { detectHost } from "../../../lib/host/detect.ts";
import { directoryIdentity } from "../../../lib/host/files/files.ts";
import { pipe } from "../../../lib/host/process/pipe.ts";
import { run } from "../../../lib/host/process/run.ts";
import { confinedProgram } from "../../../lib/lifecycle/protection/confined.ts";
import { type CopyWork, hostTar } from "../../../lib/lifecycle/copy/copy_work.ts";
import { confinedArgv } from "../../../lib/share/sftp.ts";
import { tarHeader, tarTrailer } from "../../../lib/lifecycle/copy/tar_entry.ts";
import { exampleRecord } from "../support/record.ts";
import { testOnLinux } from "../support/systems.ts";

const host = await detectHost();
const root = await Deno.realPath(await Deno.makeTempDir());
const share = `${root}/share`;
const outside = `${root}/outside`;
await Deno.mkdir(`${share}/.nixbox`, { recursive: true });
await Deno.mkdir(`${share}/dir`);
await Deno.mkdir(`${root}/empty`);
await Deno.mkdir(outside);
await Deno.writeTextFile(`${outside}/secret`, "secret");
await Deno.writeTextFile(`${share}/.nixbox/config.nix`, "hidden");
await Deno.writeTextFile(`${share}/dir/file`, "fine");
// What a guest puts in a directory's place between nixbox's look and tar's.
await Deno.symlink("../outside", `${share}/swapped`);

const [first] = exampleRecord.shares;
assert.ok(first);
const work: CopyWork = {
  host,
  record: {
    ...exampleRecord,
    project: share,
    secretsDirectory: `${root}/empty`,
    shares: [{ ...first, source: share, masks: [`${share}/.nixbox`] }],
  },
  options: { directory: root },
  emit: () => {},
  isOneOfMany: false,
};

/** The archive that a tar made, as text. */
async function archive(directory: string): Promise<string> {
  const chunks: Uint8Array[] = [];
  const sink = new WritableStream<Uint8Array<ArrayBuffer>>({
    write: (chunk) => void chunks.push(chunk),
  });
  const tar = await hostTar(work, directory, "create", ["."]);
  await pipe({ ...tar, accept: [1, 2] }, sink).catch(() => {});
  return new TextDecoder().decode(await new Blob(chunks.map((chunk) => chunk.slice())).bytes());
}

async function extract(directory: string, name: string): Promise<void> {
  const tar = await hostTar(work, directory, "extract", []);
  const content = new TextEncoder().encode("planted");
  const source = new Blob([content]).stream();
  await pipe(source, tar, {
    head: tarHeader({ name, size: content.length, mode: 0o644, mtime: 0 }),
    tail: tarTrailer(content.length),
  }).catch(() => {});
}

Deno.test("a tar for a share reads what is in it", async () => {
  assert.match(await archive(`${share}/dir`), /fine/);
});

Deno.test("a link in a directory's place leads a tar nowhere, to read or to write", async () => {
  assert.doesNotMatch(await archive(`${share}/swapped`), /secret/);
  await extract(`${share}/swapped`, "new");
  await extract(`${share}/dir`, "new");
  const names = await Array.fromAsync(Deno.readDir(outside), ({ name }) => name);
  assert.deepEqual(names, ["secret"]);
  assert.equal(await Deno.readTextFile(`${share}/dir/new`), "planted");
});

Deno.test("what is hidden from the guest is hidden from its tar", async () => {
  const text = await archive(share);
  assert.match(text, /fine/);
  assert.doesNotMatch(text, /hidden/);
});

Deno.test("a copy to the project's directory leaves .nixbox alone, shared or not", async () => {
  const place = `${root}/place`;
  const project = `${place}/project`;
  await Deno.mkdir(`${project}/.nixbox`, { recursive: true });
  await Deno.writeTextFile(`${project}/.nixbox/config.nix`, "mine");
  await Deno.writeTextFile(`${place}/beside`, "secret");
  const unshared = { ...work, record: { ...work.record, project, shares: [] } };
  const tar = await hostTar(unshared, project, "extract", []);
  const content = new TextEncoder().encode("evil");
  await pipe(new Blob([content]).stream(), tar, {
    head: tarHeader({ name: ".nixbox/config.nix", size: 4, mode: 0o644, mtime: 0 }),
    tail: tarTrailer(4),
  }).catch(() => {});
  assert.equal(await Deno.readTextFile(`${project}/.nixbox/config.nix`), "mine");
  const create = await hostTar(unshared, place, "create", ["."]);
  const chunks: Uint8Array[] = [];
  await pipe(
    { ...create, accept: [1, 2] },
    new WritableStream({
      write: (chunk: Uint8Array) => void chunks.push(chunk),
    }),
  ).catch(() => {});
  const text = chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
  assert.match(text, /secret/);
  assert.doesNotMatch(text, /mine/);
});

Deno.test("where nothing can be confined, what holds .nixbox is not copied as a whole", async () => {
  const plain = { ...work, host: { ...host, confinement: () => Promise.resolve(undefined) } };
  await assert.rejects(hostTar(plain, share, "create", ["."]), /holds .*\.nixbox/);
});

async function confined(command: string, readonly: boolean): Promise<string> {
  const shell = await confinedProgram(host, await Deno.realPath("/bin/sh"));
  const identity = await directoryIdentity(share);
  const confinement = {
    root: `${root}/empty`,
    source: share,
    identity,
    masks: [],
    readonly,
    socket: `${root}/x`,
    umask: 0,
    filter: [],
  };
  const argv = confinedArgv(shell, ["-c", command], confinement);
  const { stdout, stderr } = await run(argv, { accept: "any" });
  return stdout + stderr;
}

testOnLinux(
  "a confined program sees its libraries and one directory, and writes where it may",
  async () => {
    assert.match(
      await confined("echo /share/*; read line </share/dir/file; echo $line", true),
      /dir .*\nfine/,
    );
    const seen = await confined("echo /* /etc/* /dev/* /root/* /home/*", true);
    for (const place of seen.trim().split(" ")) {
      assert.match(
        place,
        /^\/(dev|etc|share|lib\w*|usr|nix|dev\/null|etc\/passwd|root\/\*|home\/\*)$/,
      );
    }
    assert.match(await confined("echo x >/share/dir/no", true), /[Rr]ead-only/);
    assert.match(await confined("echo x >/new", false), /[Rr]ead-only/);
    assert.equal(await confined("echo x >/share/dir/yes; echo x >/dev/null", false), "");
    assert.equal(await Deno.readTextFile(`${share}/dir/yes`), "x\n");
    assert.deepEqual(await Array.fromAsync(Deno.readDir(`${root}/empty`)), [], "nothing stays");
  },
);
