import assert from "node:assert/strict";
import { TestProject } from "./support/machine.ts";

/** What docs/shares.md promises of a file system in the guest; "ok" or the kernel's error. */
const virtiofs: Readonly<Record<string, string>> = {
  "create, append, truncate": "ok",
  "rename, also over another and of directories": "ok",
  "hard links and symlinks": "ok",
  "the number of a file's links": "ok",
  "modes and times": "ok",
  "times to the nanosecond": "ok",
  "a file that is open goes on after it was removed": "ok",
  "locks of two programs (flock and fcntl)": "ok",
  "shared memory map, written by one and read by another": "ok",
  "sockets and pipes": "ok",
  "fsync, sparse files": "ok",
  "fallocate": "ok",
  "names of 255 bytes, and of any characters": "ok",
  "watching (inotify) for changes that the guest makes": "ok",
  "O_TMPFILE": "ENOTSUP",
  "extended attributes": "ENOTSUP",
  "O_DIRECT": "ok",
  "many files: made, listed, read, removed": "ok",
};

/** Its upper layer is in the guest's memory, which can do more. */
const overlay = { ...virtiofs, "O_TMPFILE": "ok", "extended attributes": "ok" };

/** SFTP has no words for some of it. */
const sshfs = {
  ...virtiofs,
  "the number of a file's links": "wrong: 1",
  "times to the nanosecond": "wrong: 1000000000000000000",
  "sockets and pipes": "EPERM",
};

Deno.test("what programs do with files works in a share", async (t) => {
  await using project = await TestProject.make();
  await project.mustUp();
  const source = `${project.directory}/by-ssh`;
  const lower = `${project.directory}/lower`;
  await Deno.mkdir(source);
  await Deno.mkdir(lower);
  for (const words of [[`${source}:/mnt/ssh`, "--via", "sshfs"], [`${lower}:/mnt/over:overlay`]]) {
    assert.equal((await project.call(["mount", ...words])).code, 0);
  }
  const places: readonly (readonly [string, string, number, Readonly<Record<string, string>>])[] = [
    ["virtiofs", "/home/dev/workspace/files", 10_000, virtiofs],
    ["an overlay", "/mnt/over/files", 10_000, overlay],
    ["sshfs", "/mnt/ssh/files", 300, sshfs],
  ];
  for (const [what, directory, count, expected] of places) {
    await t.step(what, async () => {
      const { stdout, stderr } = await project.run(
        "python3",
        "/run/lab/files.py",
        directory,
        `${count}`,
      );
      assert.equal(stderr, "");
      const { seconds, ...results } = JSON.parse(stdout);
      console.log(`      ${count} files made, listed, read and removed in ${seconds} s`);
      assert.deepEqual(results, expected);
    });
  }

  await t.step(
    "what the host changes, the guest sees within a second, without an event",
    async () => {
      await Deno.writeTextFile(`${project.directory}/changing`, "one");
      assert.equal((await project.run("cat ~/workspace/changing")).stdout, "one");
      await Deno.writeTextFile(`${project.directory}/changing`, "other");
      const { stdout } = await project.run(
        "for i in $(seq 40); do grep -q other ~/workspace/changing && echo seen && break; sleep 0.05; done",
      );
      assert.equal(stdout, "seen\n");
    },
  );
});
