import assert from "node:assert/strict";
import { run } from "../../../lib/host/process.ts";
import { isWithin } from "../../../lib/host/guest_path.ts";
import { masksFor } from "../../../lib/share/masks.ts";
import { pinsFor, virtiofsdArgv } from "../../../lib/share/virtiofsd.ts";

const ids = { guestUid: 1000, guestGid: 100, hostUid: 1001, hostGid: 1002 };
const share = {
  source: "/home/ann/it's a project",
  readonly: true,
  socket: "/r/s.sock",
  masks: ["/home/ann/it's a project/.nixbox"],
};

Deno.test("in a user namespace the guest's user is the one id that is mapped", () => {
  const argv = virtiofsdArgv("/usr/libexec/virtiofsd", share, ids, "user-namespace");
  assert.deepEqual(argv.slice(0, 3), ["unshare", "--user", "--map-root-user"]);
  for (
    const word of [
      "--sandbox=chroot",
      "--translate-uid=map:1000:0:1",
      "--translate-gid=map:100:0:1",
      "--readonly",
      "--shared-dir=/home/ann/it's a project",
    ]
  ) assert.ok(argv.includes(word), word);
});

Deno.test("where root makes the namespace, virtiofsd runs as the caller", () => {
  const argv = virtiofsdArgv(
    "virtiofsd",
    { ...share, readonly: false },
    ids,
    "root-mount-namespace",
  );
  assert.ok(argv.includes("--reuid=1001"));
  assert.ok(argv.includes("--translate-uid=map:1000:1001:1"));
  assert.ok(!argv.includes("--readonly"));
});

Deno.test("the masks cover the directories that they name, for the program after them alone", async () => {
  const source = await Deno.makeTempDir({ prefix: "nixbox it's " });
  await Deno.mkdir(`${source}/.nixbox`);
  await Deno.writeTextFile(`${source}/.nixbox/config.nix`, "secret");
  const argv = virtiofsdArgv(
    "ls",
    { ...share, source, masks: [`${source}/.nixbox`] },
    ids,
    "user-namespace",
  );
  // Everything as it is, with `ls -A` in virtiofsd's place.
  const cut = argv.indexOf("ls");
  const { stdout } = await run([...argv.slice(0, cut), "ls", "-A", `${source}/.nixbox`]);
  assert.equal(stdout, "");
  assert.equal(await Deno.readTextFile(`${source}/.nixbox/config.nix`), "secret");
  await Deno.remove(source, { recursive: true });
});

Deno.test("a directory on the way to a mask cannot be renamed", async () => {
  const source = await Deno.makeTempDir();
  await Deno.mkdir(`${source}/a/b/.nixbox`, { recursive: true });
  const masks = [`${source}/a/b/.nixbox`];
  const argv = virtiofsdArgv("sh", { ...share, source, masks }, ids, "user-namespace");
  const cut = argv.indexOf("sh", argv.lastIndexOf("--"));
  const script = 'cd "$1"; mv a c; mv a/b a/c; mv a/b/.nixbox a/b/c; touch a/b/.nixbox/x; ls a/b';
  const { stdout, stderr } = await run([...argv.slice(0, cut), "sh", "-c", script, "sh", source], {
    accept: "any",
  });
  assert.equal(stdout, "");
  assert.equal(stderr.match(/busy/gi)?.length, 3, stderr);
  await Deno.remove(source, { recursive: true });
});

Deno.test("what must be a mount point is every directory between a share and its masks", () => {
  assert.deepEqual(pinsFor("/a", ["/a/.nixbox"]), []);
  assert.deepEqual(pinsFor("/a", ["/a/b/c/.nixbox", "/a/b/d"]), ["/a/b", "/a/b/c"]);
  assert.deepEqual(pinsFor("/", ["/a/b/.nixbox"]), ["/a", "/a/b"]);
});

Deno.test("private directories are masked wherever a share would show them, and never shared", () => {
  const config = "/home/ann/box/.nixbox";
  const state = "/home/ann/.local/state/nixbox";
  const hidden = [config, state];
  assert.deepEqual(masksFor("/home/ann/box", hidden), [config]);
  assert.deepEqual(masksFor("/home", hidden), [config, state]);
  assert.deepEqual(masksFor("/", hidden), [config, state]);
  assert.deepEqual(masksFor("/home/ann/box/src", hidden), []);
  assert.deepEqual(masksFor("/home/ann/box/.nixbox-other", hidden), []);
  assert.deepEqual(masksFor("/run", ["/run/nixbox", "/run/nixbox/secrets", "/run/nixbox"]), [
    "/run/nixbox",
  ]);
  assert.equal(masksFor(config, hidden), undefined);
  assert.equal(masksFor(`${config}/ssh`, hidden), undefined);
  assert.equal(masksFor(state, hidden), undefined);
});

Deno.test("a directory is within itself, and not within one whose name only begins alike", () => {
  assert.equal(isWithin("/a/b", "/a/b"), true);
  assert.equal(isWithin("/a/bc", "/a/b"), false);
  assert.equal(isWithin("/a", "/"), true);
});
