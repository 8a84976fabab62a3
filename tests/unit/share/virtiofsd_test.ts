import assert from "node:assert/strict";
import { run } from "../../../lib/host/process/run.ts";
import { testOnLinux } from "../support/systems.ts";
import { directoryIdentity, exists } from "../../../lib/host/files/files.ts";
import { masksFor } from "../../../lib/share/masks.ts";
import { copiesOf, pinsFor } from "../../../lib/share/covers.ts";
import { virtiofsdArgv, type VirtiofsdShare } from "../../../lib/share/virtiofsd.ts";

const ids = { guestUid: 1000, guestGid: 100, hostUid: 1001, hostGid: 1002 };
const tools = {
  bash: "/bin/bash",
  setpriv: "/usr/bin/setpriv",
  virtiofsd: "virtiofsd",
  ofFilter: [],
};
const filter = ["limit", "/r/calls.bpf"];
const share = {
  source: "/home/ann/it's a project",
  readonly: true,
  socket: "/r/s.sock",
  identity: "1:2",
  root: "/r/s.sock.root",
  masks: ["/home/ann/it's a project/.nixbox"],
};

Deno.test("in a user namespace the guest's user is the one id that is mapped", () => {
  const argv = virtiofsdArgv(
    { ...tools, virtiofsd: "/usr/libexec/virtiofsd" },
    share,
    ids,
    "user-namespace",
    filter,
  );
  assert.deepEqual(argv.slice(0, 3), ["unshare", "--user", "--map-root-user"]);
  const at = argv.indexOf("/usr/libexec/virtiofsd");
  assert.deepEqual(argv.slice(at - 2, at), filter);
  assert.ok(argv.indexOf("chroot") < at);
  assert.ok(!argv.slice(4).includes("--user"));
  for (
    const word of [
      "--sandbox=none",
      "--modcaps=-fsetid:-mknod:-setfcap",
      "--translate-uid=squash-guest:0:0:4294967295",
      "--translate-uid=host:0:1000:1",
      "--translate-gid=squash-guest:0:0:4294967295",
      "--translate-gid=host:0:100:1",
      "--readonly",
      "--shared-dir=/r/s.sock.root",
    ]
  ) assert.ok(argv.includes(word), word);
});

Deno.test("where root makes the namespace, virtiofsd runs as the caller", () => {
  const argv = virtiofsdArgv(
    tools,
    { ...share, readonly: false },
    ids,
    "root-mount-namespace",
    filter,
  );
  const at = argv.indexOf("virtiofsd");
  assert.deepEqual(argv.slice(at - 2, at), filter);
  // What root has mounted is all that it sees of the host.
  assert.ok(argv.indexOf("chroot") < at);
  assert.ok(argv.includes("--bounding-set=-all"));
  assert.ok(argv.includes("--reuid=1001"));
  assert.ok(argv.includes("--translate-uid=squash-guest:0:1001:4294967295"));
  assert.ok(!argv.includes("--readonly"));
});

/** Runs a script in virtiofsd's place, with everything else as it is. */
async function inPlace(
  source: string,
  masks: readonly string[],
  script: string,
  more: Partial<VirtiofsdShare> = {},
) {
  const root = await Deno.makeTempDir();
  const identity = await directoryIdentity(source);
  const runtime = await Deno.makeTempDir();
  const socket = `${runtime}/s.sock`;
  const made = { ...share, source, masks, root, identity, socket, ...more };
  await Deno.mkdir(`${made.socket}.apart`);
  const argv = virtiofsdArgv(tools, made, ids, "user-namespace", []);
  const before = argv.slice(0, argv.indexOf("virtiofsd"));
  return await run([...before, "sh", "-c", script, "sh", root], { accept: "any" });
}

testOnLinux(
  "the masks cover the directories that they name, for the program after them alone",
  async () => {
    const source = await Deno.makeTempDir({ prefix: "nixbox it's " });
    await Deno.mkdir(`${source}/.nixbox`);
    await Deno.writeTextFile(`${source}/.nixbox/config.nix`, "secret");
    await Deno.writeTextFile(`${source}/file`, "seen");
    const script = 'cat "$1/file"; ls -A "$1/.nixbox"; touch "$1/.nixbox/x"';
    const { stdout, stderr } = await inPlace(source, [`${source}/.nixbox`], script);
    assert.equal(stdout, "seen");
    assert.match(stderr, /[Rr]ead-only/);
    assert.equal(await Deno.readTextFile(`${source}/.nixbox/config.nix`), "secret");
    await Deno.remove(source, { recursive: true });
  },
);

testOnLinux("what is sealed can be read and not changed; what holds a place neither", async () => {
  const source = await Deno.makeTempDir();
  await Deno.mkdir(`${source}/held/in`, { recursive: true });
  await Deno.mkdir(`${source}/dir/open`, { recursive: true });
  await Deno.writeTextFile(`${source}/file`, "mine");
  const protection = {
    sealed: ["file", "held", "dir", "not there"].map((name) => `${source}/${name}`),
    open: [`${source}/dir/open`],
    placeholders: [],
    names: [],
  };
  const script = 'cd "$1"; for name in file held dir; do echo x >"$name"; rm -r "$name"; ' +
    'mv "$name" away; touch "$name/x"; done 2>/dev/null; touch dir/open/fine; cat file';
  const { stdout } = await inPlace(source, [], script, { protection });
  assert.equal(stdout, "mine");
  assert.ok(await exists(`${source}/held/in`));
  assert.ok(await exists(`${source}/dir/open/fine`));
  assert.deepEqual([...Deno.readDirSync(`${source}/dir`)].map(({ name }) => name), ["open"]);
  await Deno.remove(source, { recursive: true });
});

testOnLinux("a copy is shown in a mask's place, and is the guest's own to change", async () => {
  const source = await Deno.makeTempDir();
  await Deno.mkdir(`${source}/.nixbox`);
  await Deno.writeTextFile(`${source}/.nixbox/key`, "secret");
  const socket = `${await Deno.makeTempDir()}/s.sock`;
  await Deno.mkdir(`${copiesOf({ socket }, 0)}/dir`, { recursive: true });
  await Deno.writeTextFile(`${copiesOf({ socket }, 0)}/dir/config`, "tracked\n", { mode: 0o755 });
  const script = 'cd "$1/.nixbox"; find . -type f -printf "%p %m\\n"; cat dir/config; rm -r dir; ' +
    "echo x >made; cat made; head -c 9000000 /dev/zero >large; stat -c %s large";
  const { stdout, stderr } = await inPlace(source, [`${source}/.nixbox`], script, { socket });
  assert.match(stdout, /^\.\/dir\/config 755\ntracked\nx\n\d+\n$/);
  assert.match(stderr, /No space left/);
  assert.equal(await Deno.readTextFile(`${source}/.nixbox/key`), "secret");
  assert.equal(await Deno.readTextFile(`${copiesOf({ socket }, 0)}/dir/config`), "tracked\n");
});

testOnLinux("a symlink in the place of what is to be covered is not followed", async () => {
  const source = await Deno.makeTempDir();
  await Deno.symlink("/tmp", `${source}/.nixbox`);
  const { code, stderr } = await inPlace(source, [`${source}/.nixbox`], "echo served");
  assert.equal(code, 1);
  assert.match(stderr, /\.nixbox is a symlink/);
});

testOnLinux("a directory on the way to a mask cannot be renamed", async () => {
  const source = await Deno.makeTempDir();
  await Deno.mkdir(`${source}/a/b/.nixbox`, { recursive: true });
  const masks = [`${source}/a/b/.nixbox`];
  const script = 'cd "$1"; mv a c; mv a/b a/c; mv a/b/.nixbox a/b/c; touch a/b/.nixbox/x; ls a/b';
  const { stdout, stderr } = await inPlace(source, masks, script);
  assert.equal(stdout, "");
  assert.equal(stderr.match(/busy/gi)?.length, 3, stderr);
  await Deno.remove(source, { recursive: true });
});

testOnLinux(
  "a directory that took the place of the one that was looked at is not served",
  async () => {
    const parent = await Deno.makeTempDir();
    await Deno.mkdir(`${parent}/looked at`);
    await Deno.mkdir(`${parent}/secret`);
    const identity = await directoryIdentity(`${parent}/looked at`);
    await Deno.rename(`${parent}/looked at`, `${parent}/away`);
    await Deno.symlink("secret", `${parent}/looked at`);
    const root = await Deno.makeTempDir();
    const swapped = { ...share, source: `${parent}/looked at`, masks: [], root, identity };
    const { code, stderr } = await run(
      virtiofsdArgv({ ...tools, virtiofsd: "true" }, swapped, ids, "user-namespace", []),
      {
        accept: "any",
      },
    );
    assert.equal(code, 1);
    assert.match(stderr, /looked at is not the directory that it was/);
    await Deno.remove(parent, { recursive: true });
  },
);

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
