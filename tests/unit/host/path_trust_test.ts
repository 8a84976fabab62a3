import assert from "node:assert/strict";
import { distrustOf, type PathRule } from "../../../lib/host/files/path_trust.ts";
import {
  checkPrivateDirectory,
  isPrivateDirectory,
} from "../../../lib/host/files/private_directory.ts";
import { readOwnFile } from "../../../lib/host/files/own_file.ts";
import { run } from "../../../lib/host/process/run.ts";

const self = Deno.uid() ?? 0;
const rule: PathRule = {
  owners: [0, self],
  groups: [],
  sticky: "any",
  guests: [],
  guestActsAs: self,
};

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.realPath(await Deno.makeTempDir({ prefix: "nixbox-trust-" }));
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("of directories that all may write to, only those pass that are named, if they are sticky", () =>
  inDirectory(async (root) => {
    await Deno.mkdir(`${root}/store`);
    await Deno.writeTextFile(`${root}/store/tool`, "");
    await Deno.chmod(`${root}/store`, 0o1775);
    const only = (sticky: readonly string[]) =>
      distrustOf(`${root}/store/tool`, { ...rule, sticky });
    assert.equal(only(["/tmp", `${root}/store`]), undefined);
    assert.match(only(["/tmp"]) ?? "", /store may be written by its group/);
    await Deno.chmod(`${root}/store`, 0o775);
    assert.match(only(["/tmp", `${root}/store`]) ?? "", /store may be written by its group/);
    await Deno.chmod(`${root}/store`, 0o1777);
    await Deno.chown(`${root}/store/tool`, 12345, 12345);
    assert.match(only(["/tmp", `${root}/store`]) ?? "", /tool belongs to user 12345/);
  }));

Deno.test("links are followed as the kernel does, .. and loops included", () =>
  inDirectory(async (root) => {
    await Deno.mkdir(`${root}/a/b`, { recursive: true });
    await Deno.mkdir(`${root}/theirs`);
    await Deno.writeTextFile(`${root}/theirs/tool`, "");
    await Deno.chown(`${root}/theirs`, 12345, 12345);
    await Deno.symlink("../../theirs/./tool", `${root}/a/b/tool`);
    await Deno.symlink("loop", `${root}/loop`);
    assert.match(distrustOf(`${root}/a/b/tool`, rule) ?? "", /theirs belongs to user 12345/);
    assert.match(distrustOf(`${root}/a/../theirs/tool`, rule) ?? "", /theirs belongs to/);
    assert.match(distrustOf(`${root}/loop`, rule) ?? "", /more than 40 symlinks/);
    assert.match(distrustOf(`${root}/nothing`, rule) ?? "", /nothing does not exist/);
  }));

Deno.test("what root alone may change is not a guest's, unless root runs the guest", () =>
  inDirectory((root) => {
    const guests = ["/"];
    assert.equal(distrustOf("/usr/bin/env", { ...rule, guests, guestActsAs: 1000 }), undefined);
    assert.match(
      distrustOf("/usr/bin/env", { ...rule, guests, guestActsAs: 0 }) ?? "",
      /a guest can write to \//,
    );
    assert.match(distrustOf(root, { ...rule, guests: [root] }) ?? "", /a guest can write to/);
    return Promise.resolve();
  }));

/** What can lie in the place of the runtime directory. */
const squats: readonly (readonly [string, RegExp, (path: string) => Promise<unknown>])[] = [
  ["a file", /it is not a directory/, (path) => Deno.writeTextFile(path, "")],
  ["a FIFO", /it is not a directory/, (path) => run(["mkfifo", path])],
  ["a symlink to the user's own directory", /it is a symlink/, async (path) => {
    await Deno.mkdir(`${path}.real`, { mode: 0o700 });
    await Deno.symlink(`${path}.real`, path);
  }],
  ["a dangling symlink", /it is a symlink/, (path) => Deno.symlink("nothing", path)],
  ["another user's directory", /it belongs to user 12345/, async (path) => {
    await Deno.mkdir(path, { mode: 0o700 });
    await Deno.chown(path, 12345, 12345);
  }],
  ["a directory that others may enter", /others may enter it/, async (path) => {
    await Deno.mkdir(path);
    await Deno.chmod(path, 0o711);
  }],
];

for (const [what, reason, make] of squats) {
  Deno.test(`in the place of a private directory ${what} is refused with its path and the way out`, () =>
    inDirectory(async (root) => {
      const path = `${root}/private`;
      await make(path);
      await assert.rejects(checkPrivateDirectory(path, self), (error: unknown) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, reason);
        assert.equal(Reflect.get(error, "where"), path);
        assert.match(String(Reflect.get(error, "hint")), /sudo rm -r/);
        return true;
      });
      assert.equal(await isPrivateDirectory(path, self), false);
    }));
}

Deno.test("a private directory below one that others can write to is not private", () =>
  inDirectory(async (root) => {
    await Deno.mkdir(`${root}/session`);
    await Deno.mkdir(`${root}/session/nixbox`, { mode: 0o700 });
    assert.equal(await checkPrivateDirectory(`${root}/session/nixbox`, self), true);
    assert.equal(await checkPrivateDirectory(`${root}/session/other`, self), false);
    await Deno.chmod(`${root}/session`, 0o777);
    const check = () => checkPrivateDirectory(`${root}/session/nixbox`, self);
    await assert.rejects(check, /session may be written by everybody/);
    await Deno.chmod(`${root}/session`, 0o700);
    await Deno.chown(`${root}/session`, 12345, 12345);
    await assert.rejects(check, /session belongs to user 12345/);
  }));

/** What can lie in the place of a file that is read as our own. */
const plants: readonly (readonly [string, RegExp, (path: string) => Promise<unknown>])[] = [
  ["a FIFO", /is not a regular file/, (path) => run(["mkfifo", path])],
  ["a directory", /is not a regular file/, (path) => Deno.mkdir(path)],
  ["a symlink", /is a symlink/, (path) => Deno.symlink("/etc/passwd", path)],
  ["a device's symlink", /is a symlink/, (path) => Deno.symlink("/dev/zero", path)],
  ["a socket", /is not a regular file/, (path) => {
    const listener = Deno.listen({ transport: "unix", path });
    return Promise.resolve(() => listener.close());
  }],
  ["a huge file", /has 5000000000 bytes, more than the 100/, async (path) => {
    await Deno.writeTextFile(path, "");
    await Deno.truncate(path, 5_000_000_000);
  }],
  ["another user's file", /belongs to user 12345/, async (path) => {
    await Deno.writeTextFile(path, "");
    await Deno.chown(path, 12345, 12345);
  }],
];

for (const [what, reason, make] of plants) {
  Deno.test(`in the place of the user's own file ${what} is refused at once, with its path`, () =>
    inDirectory(async (root) => {
      const path = `${root}/file`;
      const made = await make(path);
      const read = () => readOwnFile(path, { owners: [self], mostBytes: 100, hint: "the way out" });
      assert.throws(read, (error) => {
        assert.ok(error instanceof Error);
        assert.match(error.message, reason);
        assert.ok(error.message.startsWith(path));
        assert.equal(Reflect.get(error, "hint"), "the way out");
        return true;
      });
      if (typeof made === "function") made();
    }));
}

Deno.test("a file that others could replace is not read as ours", () =>
  inDirectory(async (root) => {
    await Deno.writeTextFile(`${root}/file`, "x");
    const read = () => readOwnFile(`${root}/file`, { owners: [self], mostBytes: 9, hint: "" });
    await Deno.chmod(root, 0o777);
    assert.throws(read, /file lies in a directory that others can write to/);
    await Deno.chmod(root, 0o1777);
    assert.equal(read(), "x");
    await Deno.chmod(root, 0o755);
    await Deno.chown(root, 12345, null);
    assert.throws(read, /file lies in a directory of user 12345/);
  }));

Deno.test("the user's own file is read, and one that is not there is nothing", () =>
  inDirectory(async (root) => {
    await Deno.writeTextFile(`${root}/file`, "ä".repeat(50));
    const expected = { owners: [self], mostBytes: 100, hint: "" };
    assert.equal(readOwnFile(`${root}/file`, expected), "ä".repeat(50));
    assert.equal(readOwnFile(`${root}/other`, expected), undefined);
  }));
