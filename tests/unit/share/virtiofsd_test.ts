import assert from "node:assert/strict";
import { run } from "../../../lib/host/process.ts";
import { isWithin, masksFor, virtiofsdArgv } from "../../../lib/share/virtiofsd.ts";

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

Deno.test("the project's .nixbox is masked wherever a share would show it, and never shared", () => {
  const config = "/home/ann/box/.nixbox";
  assert.deepEqual(masksFor("/home/ann/box", config), [config]);
  assert.deepEqual(masksFor("/home", config), [config]);
  assert.deepEqual(masksFor("/", config), [config]);
  assert.deepEqual(masksFor("/home/ann/box/src", config), []);
  assert.deepEqual(masksFor("/home/ann/box/.nixbox-other", config), []);
  assert.equal(masksFor(config, config), undefined);
  assert.equal(masksFor(`${config}/ssh`, config), undefined);
});

Deno.test("a directory is within itself, and not within one whose name only begins alike", () => {
  assert.equal(isWithin("/a/b", "/a/b"), true);
  assert.equal(isWithin("/a/bc", "/a/b"), false);
  assert.equal(isWithin("/a", "/"), true);
});
