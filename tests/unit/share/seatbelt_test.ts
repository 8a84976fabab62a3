import assert from "node:assert/strict";
import { areMasksFirm, seatbeltArgv, seatbeltProfile } from "../../../lib/share/seatbelt.ts";

const plain = {
  program: "/usr/libexec/sftp-server",
  source: "/Users/ann/box",
  masks: [],
  readonly: false,
};
const lines = (change: Partial<Parameters<typeof seatbeltProfile>[0]> = {}) =>
  seatbeltProfile({ ...plain, ...change }).trim().split("\n");

Deno.test("seatbelt: what is not named is denied; the program is the only one that runs", () => {
  const profile = lines();
  assert.deepEqual(profile.slice(0, 3), [
    "(version 1)",
    "(deny default)",
    '(allow process-exec* (literal "/usr/libexec/sftp-server"))',
  ]);
  assert.doesNotMatch(profile.join(), /network|fork|mach-register|signal/);
  assert.deepEqual(
    profile.filter((line) => line.includes("mach-lookup")),
    ['(allow mach-lookup (global-name "com.apple.system.opendirectoryd.libinfo"))'],
  );
});

Deno.test("seatbelt: the one directory is written to, or only read", () => {
  assert.equal(lines().at(-2), '(allow file-read* file-write* (subpath "/Users/ann/box"))');
  assert.equal(lines().at(-1), '(deny file-write-setugid (subpath "/Users/ann/box"))');
  assert.equal(lines({ readonly: true }).at(-1), '(allow file-read* (subpath "/Users/ann/box"))');
  // Beside it, writing goes to /dev/null alone.
  assert.deepEqual(
    lines({ readonly: true }).filter((line) => line.includes("file-write")),
    ['(allow file-write-data (literal "/dev/null"))'],
  );
});

Deno.test("seatbelt: of other packages nothing is there to be read", () => {
  assert.doesNotMatch(lines().join(), /subpath "\/(Users|nix|opt|usr)?"|"\/(nix|opt|usr\/local)\//);
});

Deno.test("seatbelt: masks come last, so that they decide", () => {
  const masks = ["/Users/ann/box/.nixbox", "/Users/ann/box/x"];
  assert.equal(
    lines({ masks }).at(-2),
    '(deny file-read* file-write* (subpath "/Users/ann/box/.nixbox") (subpath "/Users/ann/box/x"))',
  );
});

Deno.test("seatbelt: what is sealed is read and not written, and what leads to it not renamed", () => {
  const protection = {
    sealed: ["/Users/ann/box/.git/config", "/Users/ann/box/.envrc"],
    open: ["/Users/ann/box/.git/worktrees/x"],
    placeholders: [],
    names: [],
  };
  assert.deepEqual(lines({ protection }).slice(-4, -1), [
    '(deny file-write* (subpath "/Users/ann/box/.git/config") (subpath "/Users/ann/box/.envrc"))',
    '(allow file-write* (subpath "/Users/ann/box/.git/worktrees/x"))',
    '(deny file-write-unlink (literal "/Users/ann/box/.git") (literal "/Users/ann/box/.git/worktrees"))',
  ]);
});

Deno.test("seatbelt: on the way to the directory, only that there is one is told", () => {
  const way = lines().find((line) => line.startsWith("(allow file-read-metadata"));
  assert.equal(
    way,
    '(allow file-read-metadata (literal "/Users/ann") (literal "/Users") (literal "/"))',
  );
});

Deno.test("seatbelt: no name of a directory ends its string", () => {
  const source = '/Users/ann/a" (literal "/) \\';
  const [last] = lines({ source }).slice(-2);
  assert.equal(
    last,
    '(allow file-read* file-write* (subpath "/Users/ann/a\\" (literal \\"/) \\\\"))',
  );
  for (const line of lines({ source })) {
    // Without what stands in strings, every bracket is closed where it should be.
    const bare = line.replace(/"(?:[^"\\]|\\.)*"/g, "");
    assert.equal(bare.split("(").length, bare.split(")").length, line);
    assert.ok(!bare.includes('"'), line);
  }
});

Deno.test("seatbelt: the program's own arguments follow the profile, untouched", () => {
  const argv = seatbeltArgv(plain, ["-R", "-d", "a b"]);
  assert.deepEqual(argv.slice(0, 3), ["/usr/bin/env", "sandbox-exec", "-p"]);
  assert.equal(argv[3], seatbeltProfile(plain));
  assert.deepEqual(argv.slice(4), ["/usr/libexec/sftp-server", "-R", "-d", "a b"]);
});

Deno.test("masks hold where the guest cannot rename what leads to them", () => {
  assert.equal(areMasksFirm("/a", []), true);
  assert.equal(areMasksFirm("/a", ["/a/.nixbox"]), true);
  assert.equal(areMasksFirm("/a", ["/a/.nixbox", "/a/b/c"]), false);
});
