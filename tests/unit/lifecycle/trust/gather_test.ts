import assert from "node:assert/strict";
import { gather, type GatherOptions } from "../../../../lib/lifecycle/trust/gather.ts";
import {
  contentHash,
  Gathered,
  type GatherLimits,
} from "../../../../lib/lifecycle/trust/gathered.ts";
import { exists } from "../../../../lib/host/files/files.ts";
import { run } from "../../../../lib/host/process/run.ts";
import { requireReadableNames } from "../../../../lib/lifecycle/trust/names.ts";
import { Snapshot } from "../../../../lib/lifecycle/trust/snapshot.ts";
import { withTree } from "../../build/tree.ts";

type Options = Partial<GatherOptions> & { readonly limits?: GatherLimits };

async function gathered(root: string, options: Options = {}): Promise<Gathered> {
  const { limits, ...rest } = options;
  const project = { directory: `${root}/p`, configDirectory: `${root}/p/.nixbox` };
  const found = new Gathered(project.directory, limits);
  await gather(project, { home: `${root}/home`, roots: [], isStrict: false, ...rest }, found);
  return found;
}

/** Names of files and links; what lies outside of the project from the tree's root. */
async function names(root: string, options?: Options): Promise<readonly string[]> {
  return (await gathered(root, options)).named().filter(({ entry }) => entry.kind !== "directory")
    .map(({ name, entry }) =>
      name.replace(root, "") + (entry.kind === "symlink" ? ` -> ${entry.target}` : "")
    ).sort();
}

async function hashOf(root: string, options?: Options): Promise<string> {
  return await contentHash(await gathered(root, options));
}

/** Each row: what is in the tree, and what of it counts. */
const rows: readonly (readonly [string, Record<string, string>, readonly string[]])[] = [
  ["all of .nixbox but keys, what an earlier tool left, and .gitignore", {
    "p/.nixbox/config.nix": "{ }",
    "p/.nixbox/.gitignore": "/ssh/",
    "p/.nixbox/ssh/login_ed25519": "key",
    "p/.nixbox/earlier/run/root.img": "disk",
    "p/.nixbox/flake.lock": "{}",
    "p/.nixbox/deep/er/file": "",
    "p/.nixbox/plugins/mine/.git/config": "",
    "p/src/main.c": "",
  }, [".nixbox/config.nix", ".nixbox/deep/er/file", ".nixbox/flake.lock"]],
  ["what Nix files name, from there on", {
    "p/.nixbox/config.nix": "import ../nix/one.nix",
    "p/nix/one.nix": '[ ./two.nix (builtins.readFile ./text) "./not-a-path" ]',
    "p/nix/two.nix": "{ }",
    "p/nix/text": "./three.nix",
    "p/nix/three.nix": "{ }",
    "p/nix/not-a-path": "",
  }, [".nixbox/config.nix", "nix/one.nix", "nix/text", "nix/two.nix"]],
  ["a directory that a path names, whole", {
    "p/.nixbox/config.nix": "{ plugins = [ ../tool ]; }",
    "p/tool/default.nix": "{ }",
    "p/tool/commands/go": "echo",
    "p/tool/data/deep": "",
  }, [".nixbox/config.nix", "tool/commands/go", "tool/data/deep", "tool/default.nix"]],
  ["the directory before a computed part, unless the file lies in it", {
    "p/.nixbox/config.nix": '[ ../parts/${"a"}.nix ./${"b"}.nix ]',
    "p/parts/a.nix": "",
    "p/parts/c.nix": "",
    "p/other": "",
  }, [".nixbox/config.nix", "parts/a.nix", "parts/c.nix"]],
  ["outside of the project, Nix files and what lies beside them", {
    "p/.nixbox/config.nix": "[ ../../shared/base.nix ~/own.nix ../../plain ~/.ssh/key ~/.ssh ]",
    "shared/base.nix": "builtins.readFile ./motd",
    "shared/motd": "",
    "home/own.nix": "[ ./.ssh/key ./beside.nix ]",
    "home/beside.nix": "",
    "home/.ssh/key": "secret",
    "plain": "",
  }, [
    ".nixbox/config.nix",
    "/home/.ssh/key",
    "/home/beside.nix",
    "/home/own.nix",
    "/shared/base.nix",
    "/shared/motd",
  ]],
  ["no key of the user's, by whatever path", {
    "p/.nixbox/config.nix":
      "[ ~/.ssh/key ../../home/.ssh/key ../../home/.ssh ~/.ssh (builtins.readFile ~/.netrc) ]",
    "home/.ssh/key": "secret",
    "home/.netrc": "secret",
  }, [".nixbox/config.nix"]],
  ["neither scripts of the guest, nor sources of shares, nor files with secrets", {
    "p/.nixbox/config.nix":
      "{ scripts = [ ./a.sh { path = ./b.sh; } ../c.sh ./sub/d.sh ]; mounts = [ { source = ../data; } ]; " +
      "env.A.file = ../secret; env = { B = { file = ../secret; }; }; }",
    "p/.nixbox/a.sh": "",
    "p/.nixbox/b.sh": "",
    "p/.nixbox/sub/d.sh": "",
    "p/c.sh": "",
    "p/data/large": "",
    "p/secret": "",
  }, [".nixbox/config.nix"]],
  ["a script that something else reads, too", {
    "p/.nixbox/config.nix": "{ scripts = [ ./a.sh ]; x = builtins.readFile ./a.sh; }",
    "p/.nixbox/a.sh": "",
  }, [".nixbox/a.sh", ".nixbox/config.nix"]],
  ["a script that is written by Nix is not a script of the guest's", {
    "p/.nixbox/config.nix": "{ scripts = [ (f ./a.sh) ./gen.nix ]; }",
    "p/.nixbox/a.sh": "",
    "p/.nixbox/gen.nix": "",
  }, [".nixbox/a.sh", ".nixbox/config.nix", ".nixbox/gen.nix"]],
  ["nothing that an editor leaves", {
    "p/.nixbox/config.nix": "{ }",
    "p/.nixbox/config.nix~": "",
    "p/.nixbox/.config.nix.swp": "",
    "p/.nixbox/.#config.nix": "",
    "p/.nixbox/#config.nix#": "",
    "p/.nixbox/.DS_Store": "",
  }, [".nixbox/config.nix"]],
];

for (const [what, tree, expected] of rows) {
  Deno.test(`a content is: ${what}`, () =>
    withTree(tree, async (root) => assert.deepEqual(await names(root), expected)));
}

Deno.test("where something runs on the host, all of .nixbox counts but the keys", () =>
  withTree({
    "p/.nixbox/config.nix": "{ scripts = [ ./a.sh ]; }",
    "p/.nixbox/a.sh": "",
    "p/.nixbox/b~": "",
    "p/.nixbox/.gitignore": "",
    "p/.nixbox/earlier/e.sh": "",
    "p/.nixbox/lib/.git/g.sh": "",
    "p/.nixbox/ssh/login_ed25519": "key",
  }, async (root) => {
    const found = await names(root, { isStrict: true });
    assert.deepEqual(found, [
      ".nixbox/.gitignore",
      ".nixbox/a.sh",
      ".nixbox/b~",
      ".nixbox/config.nix",
      ".nixbox/earlier/e.sh",
      ".nixbox/lib/.git/g.sh",
    ]);
  }));

Deno.test("what the config names by text leads no further than a path does, by a link either", () =>
  withTree({
    "p/.nixbox/config.nix": "{ }",
    "p/tool/default.nix": "{ }",
    "home/.ssh/key": "secret",
    "home/own/default.nix": "{ }",
  }, async (root) => {
    await Deno.symlink(`${root}/home/.ssh/key`, `${root}/p/x.nix`);
    await Deno.symlink(`${root}/home/.ssh`, `${root}/p/m`);
    await Deno.symlink(`${root}/home/own`, `${root}/p/own`);
    const roots = ["x.nix", "m", "own", "tool"].map((name) => `${root}/p/${name}`);
    const files = (await gathered(root, { roots })).named()
      .filter(({ entry }) => entry.kind === "file").map(({ name }) => name.replace(root, ""));
    assert.deepEqual(files.sort(), [
      ".nixbox/config.nix",
      "/home/own/default.nix",
      "tool/default.nix",
    ]);
  }));

Deno.test("what hooks name counts, whether it is there or not, and no evaluation reads it", () =>
  withTree({
    "p/.nixbox/config.nix": "{ }",
    "p/run.sh": "x",
    "p/scripts/a.sh": "a",
    "p/scripts/deep/b.sh": "b",
    "home/.ssh/key": "secret",
  }, async (root) => {
    const words = ["p/run.sh", "p/scripts", "p/local.sh", "p", "home/.ssh/key", "home/not-there"]
      .map((name) => `${root}/${name}`);
    const found = await gathered(root, { words });
    const lines = found.named().filter(({ entry }) => entry.kind !== "directory")
      .map(({ name, entry }) => `${name.replace(root, "")} ${entry.kind}`);
    assert.deepEqual(lines.sort(), [
      ".nixbox/config.nix file",
      "/home/.ssh/key file",
      "local.sh absent",
      "run.sh file",
      "scripts/a.sh file",
    ]);
    const before = await contentHash(found);
    await Deno.writeTextFile(`${root}/p/local.sh`, "");
    assert.notEqual(await hashOf(root, { words }), before);
    const snapshot = await copyOf(root, found);
    const copied = (path: string) => exists(`${snapshot.files}${root}/${path}`);
    assert.ok(await copied("p/.nixbox/config.nix"));
    for (const path of ["p/run.sh", "home/.ssh/key"]) assert.ok(!await copied(path), path);
    await snapshot[Symbol.asyncDispose]();
  }));

Deno.test("a hook that calls ssh does not name the project's keys, before they are made or after", () =>
  withTree({ "p/.nixbox/config.nix": "{ }" }, async (root) => {
    const words = [`${root}/p/.nixbox/ssh`];
    const before = await hashOf(root, { words });
    await Deno.mkdir(`${root}/p/.nixbox/ssh`);
    await Deno.writeTextFile(`${root}/p/.nixbox/ssh/login_ed25519`, "key");
    assert.equal(await hashOf(root, { words }), before);
    assert.deepEqual(await names(root, { words }), [".nixbox/config.nix"]);
  }));

async function copyOf(root: string, found: Gathered): Promise<Snapshot> {
  const paths = { state: `${root}/state`, runtime: "", secrets: "", cache: "" };
  const snapshot = await Snapshot.make({ paths });
  await snapshot.write(found);
  return snapshot;
}

/** What a guest does between two looks at one content; each is noticed. */
const exchanges: readonly (readonly [string, (project: string) => Promise<unknown>])[] = [
  ["a link becomes a directory", async (at) => {
    await Deno.remove(`${at}/x`);
    await Deno.mkdir(`${at}/x`);
    await Deno.writeTextFile(`${at}/x/authorized_keys`, "mine");
  }],
  ["a link leads elsewhere", async (at) => {
    await Deno.remove(`${at}/x`);
    await Deno.symlink("../other", `${at}/x`);
  }],
  ["a file becomes a link", async (at) => {
    await Deno.rename(`${at}/f.nix`, `${at}/g.nix`);
    await Deno.symlink("g.nix", `${at}/f.nix`);
  }],
];

for (const [what, exchange] of exchanges) {
  Deno.test(`between two looks ${what}: refused, and nothing is written outside of the copy`, () =>
    withTree({
      "p/.nixbox/config.nix": "[ ../f.nix ../x/authorized_keys ]",
      "p/f.nix": "{ }",
      "victim/file": "",
    }, async (root) => {
      await Deno.symlink(`${"../".repeat(20)}${root.slice(1)}/victim`, `${root}/p/x`);
      const found = await gathered(root);
      await exchange(`${root}/p`);
      const project = { directory: `${root}/p`, configDirectory: `${root}/p/.nixbox` };
      const again = gather(project, { home: root, roots: [], isStrict: false }, found);
      await assert.rejects(again, /changed while it was read/);
      const names = await Array.fromAsync(Deno.readDir(`${root}/victim`), ({ name }) => name);
      assert.deepEqual(names, ["file"]);
    }));
}

Deno.test("no link leads out of the copy, however many .. it has", () =>
  withTree(
    { "p/.nixbox/config.nix": "[ ./up ./up/etc/hostname ./in ]", "p/target": "in" },
    async (root) => {
      await Deno.symlink("../".repeat(30), `${root}/p/.nixbox/up`);
      await Deno.symlink(`${"../".repeat(30)}${root.slice(1)}/p/target`, `${root}/p/.nixbox/in`);
      await using snapshot = await copyOf(root, await gathered(root));
      const copy = `${snapshot.files}${root}/p/.nixbox`;
      assert.equal(await Deno.realPath(`${copy}/up`), snapshot.files);
      assert.equal(await Deno.readTextFile(`${copy}/in`), "in");
    },
  ));

Deno.test("what is the system's is not gathered, so that it cannot take the sandbox's place", () =>
  withTree(
    { "p/.nixbox/config.nix": "[ /proc/self/environ /usr/share /dev/null /etc/hostname ]" },
    async (root) => {
      assert.deepEqual(await names(root), [".nixbox/config.nix"]);
    },
  ));

Deno.test("a name that is not UTF-8 is refused where hooks run", () =>
  withTree({ "d/fine": "" }, async (root) => {
    await requireReadableNames([`${root}/d`]);
    await run(["sh", "-c", 'cd "$1" && : >"$(printf "b\\377.sh")"', "sh", `${root}/d`]);
    await assert.rejects(requireReadableNames([`${root}/d`]), /is not UTF-8/);
  }));

Deno.test("links are followed and counted, and never into a loop", () =>
  withTree({
    "p/.nixbox/real.nix": "./beside.nix",
    "p/parts/x.nix": "{ }",
    "p/beside.nix": "{ }",
    "p/far/target.nix": "./near.nix",
    "p/far/near.nix": "{ }",
  }, async (root) => {
    await Deno.symlink("real.nix", `${root}/p/.nixbox/config.nix`);
    await Deno.symlink("../parts", `${root}/p/.nixbox/parts`);
    await Deno.symlink(`${root}/p/far/target.nix`, `${root}/p/.nixbox/far.nix`);
    await Deno.symlink("loop.nix", `${root}/p/.nixbox/loop.nix`);
    await Deno.symlink("/nix/store/x", `${root}/p/.nixbox/result`);
    assert.deepEqual((await names(root)).map((name) => name.replace(root, "")), [
      ".nixbox/config.nix -> real.nix",
      `.nixbox/far.nix -> /p/far/target.nix`,
      ".nixbox/loop.nix -> loop.nix",
      ".nixbox/parts -> ../parts",
      ".nixbox/real.nix",
      ".nixbox/result -> /nix/store/x",
      "far/near.nix",
      "far/target.nix",
    ]);
    await Deno.writeTextFile(`${root}/p/.nixbox/real.nix`, "import ./parts/x.nix");
    assert.ok((await names(root)).includes("parts/x.nix"));
  }));

Deno.test("a link in .nixbox brings no key of the user's, and no directory", () =>
  withTree(
    { "p/.nixbox/config.nix": "[ ./key ./dir/key ./dir ]", "home/.ssh/key": "secret" },
    async (root) => {
      await Deno.symlink("../../home/.ssh/key", `${root}/p/.nixbox/key`);
      await Deno.symlink(`${root}/home/.ssh`, `${root}/p/.nixbox/dir`);
      const files = (await gathered(root)).named().filter(({ entry }) => entry.kind === "file");
      assert.deepEqual(files.map(({ name }) => name), [".nixbox/config.nix"]);
    },
  ));

Deno.test("pipes and the like are named and never opened", () =>
  withTree({ "p/.nixbox/config.nix": "./pipe.nix" }, async (root) => {
    await run(["mkfifo", `${root}/p/.nixbox/pipe.nix`, `${root}/p/.nixbox/other`]);
    const found = (await gathered(root)).named().filter(({ entry }) => entry.kind === "special");
    assert.deepEqual(found.map(({ name }) => name), [".nixbox/other", ".nixbox/pipe.nix"]);
  }));

Deno.test("more than a config needs is refused by name, before it is read", async (t) => {
  const tree = { "p/.nixbox/config.nix": "{ }", "p/.nixbox/a": "12345678", "p/.nixbox/b": "1" };
  const limits = { mostFiles: 100, mostBytes: 1 << 20, mostNixBytes: 1 << 16 };
  await t.step("bytes", () =>
    withTree(tree, async (root) => {
      await Deno.truncate(`${root}/p/.nixbox/a`, 2 ** 33);
      await assert.rejects(gathered(root, { limits }), { where: `${root}/p/.nixbox/a` });
    }));
  await t.step(
    "files",
    () =>
      withTree(tree, (root) =>
        assert.rejects(
          gathered(root, { limits: { ...limits, mostFiles: 3 } }),
          /more than 3 files/,
        )),
  );
  await t.step(
    "a Nix file",
    () =>
      withTree({ "p/.nixbox/config.nix": `# ${"x".repeat(1 << 17)}` }, async (root) => {
        const where = `${root}/p/.nixbox/config.nix`;
        await assert.rejects(gathered(root, { limits }), { where });
      }),
  );
  await t.step(
    "the project itself",
    () =>
      withTree(
        { "p/.nixbox/config.nix": "./.." },
        (root) => assert.rejects(gathered(root), /takes in .*\/p, which holds \.nixbox/),
      ),
  );
});

Deno.test("the hash is of the content alone: not of times, owners, or where the project lies", () =>
  withTree({
    "p/.nixbox/config.nix": "../x.nix",
    "p/x.nix": "{ }",
    "q/p/.nixbox/config.nix": "../x.nix",
    "q/p/x.nix": "{ }",
  }, async (root) => {
    const hash = await hashOf(root);
    assert.match(hash, /^[0-9a-f]{64}$/);
    await Deno.utime(`${root}/p/x.nix`, 1, 1);
    assert.equal(await hashOf(root), hash);
    assert.equal(await hashOf(`${root}/q`), hash);
    await Deno.writeTextFile(`${root}/p/unrelated`, "");
    assert.equal(await hashOf(root), hash);
  }));

const changes: readonly (readonly [string, (nixbox: string) => Promise<unknown>])[] = [
  ["a file's content", (at) => Deno.writeTextFile(`${at}/a/b.nix`, "{ x = 1; }")],
  ["a file's content that has the same length", (at) => Deno.writeTextFile(`${at}/a/b.nix`, "[ ]")],
  ["a new file", (at) => Deno.writeTextFile(`${at}/a/new`, "")],
  ["a new directory", (at) => Deno.mkdir(`${at}/a/new`)],
  ["a file that is gone", (at) => Deno.remove(`${at}/a/c`)],
  ["another name", (at) => Deno.rename(`${at}/a/c`, `${at}/a/d`)],
  ["another directory's name", (at) => Deno.rename(`${at}/a`, `${at}/d`)],
  ["the executable bit", (at) => Deno.chmod(`${at}/a/c`, 0o755)],
  ["where a link leads", async (at) => {
    await Deno.remove(`${at}/link`);
    await Deno.symlink("a/b.nix", `${at}/link`);
  }],
  ["a link in a file's place", async (at) => {
    await Deno.rename(`${at}/a/c`, "../../c".replace("../..", `${at}/..`));
    await Deno.symlink("../../c", `${at}/a/c`);
  }],
  ["what a Nix file names, outside of .nixbox", (at) => Deno.writeTextFile(`${at}/../x.nix`, "1")],
  ["the lock", (at) => Deno.writeTextFile(`${at}/flake.lock`, "{}")],
];

for (const [what, change] of changes) {
  Deno.test(`another hash: ${what}`, () =>
    withTree({
      "p/.nixbox/config.nix": "../x.nix",
      "p/.nixbox/a/b.nix": "{ }",
      "p/.nixbox/a/c": "c",
      "p/x.nix": "{ }",
    }, async (root) => {
      await Deno.symlink("a/c", `${root}/p/.nixbox/link`);
      const before = await hashOf(root);
      await change(`${root}/p/.nixbox`);
      assert.notEqual(await hashOf(root), before);
    }));
}
