import assert from "node:assert/strict";
import { parseGitIndex, UnknownIndex } from "../../../lib/git/index_file.ts";
import { gitConfigLeadsTo, gitConfigValue } from "../../../lib/git/config_file.ts";
import { type GitTracking, readGitTracking } from "../../../lib/git/tracking.ts";
import { run } from "../../../lib/host/process/run.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

const env = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  HOME: root,
  ...{ GIT_AUTHOR_NAME: "a", GIT_AUTHOR_EMAIL: "a@test", GIT_COMMITTER_NAME: "a" },
  GIT_COMMITTER_EMAIL: "a@test",
};

async function git(directory: string, ...args: string[]): Promise<string> {
  const safe = ["-c", "protocol.file.allow=always", "-C", directory];
  return (await run(["git", ...safe, ...args], { env })).stdout;
}

let count = 0;

/** A repository with some files, of which two lie in `.nixbox`. */
async function repository(options: readonly string[] = []): Promise<string> {
  const directory = `${root}/repository${++count}`;
  await git(root, "init", "-q", "-b", "main", ...options, directory);
  await Deno.mkdir(`${directory}/.nixbox/plugins`, { recursive: true });
  await Deno.mkdir(`${directory}/deep/er`, { recursive: true });
  const names = ["a", ".nixbox/config.nix", ".nixbox/plugins/mine.nix", ".nixbox2", "deep/er/ü x"];
  for (const name of names) await Deno.writeTextFile(`${directory}/${name}`, `${name}\n`);
  await Deno.chmod(`${directory}/.nixbox/plugins/mine.nix`, 0o755);
  await Deno.symlink("a", `${directory}/link`);
  await git(directory, "add", "-A");
  return directory;
}

function known(tracking: GitTracking): Extract<GitTracking, { kind: "known" }> {
  assert(tracking.kind === "known", JSON.stringify(tracking));
  return tracking;
}

/** As `git ls-files --stage` prints it. */
function lines(tracking: GitTracking): string {
  return known(tracking).entries
    .map(({ mode, objectId, stage, path }) =>
      `${mode.toString(8).padStart(6, "0")} ${objectId} ${stage}\t${path}\0`
    ).join("");
}

async function agrees(directory: string): Promise<void> {
  assert.equal(
    lines(await readGitTracking(directory, directory)),
    await git(directory, "ls-files", "--stage", "-z"),
  );
  const below = await readGitTracking(directory, `${directory}/.nixbox`);
  assert.equal(lines(below), await git(directory, "ls-files", "--stage", "-z", ".nixbox"));
  assert.equal(known(below).entries.length, 2);
}

for (const version of [2, 3, 4]) {
  for (const format of ["sha1", "sha256"]) {
    Deno.test(`an index of version ${version} with ${format} reads as git reads it`, async () => {
      const directory = await repository([`--object-format=${format}`]);
      await git(directory, "update-index", `--index-version=${version}`);
      await Deno.writeTextFile(`${directory}/later`, "");
      if (version > 2) await git(directory, "add", "--intent-to-add", "later");
      await agrees(directory);
      const bytes = await Deno.readFile(`${directory}/.git/index`);
      assert.equal(bytes[7], version);
      if (version === 2) return;
      const { entries } = known(await readGitTracking(directory, `${directory}/later`));
      assert.equal(entries[0]?.intentToAdd, true);
    });
  }
}

Deno.test("an index without a checksum (index.skipHash) is read", async () => {
  const directory = await repository();
  const path = `${directory}/.git/index`;
  const bytes = await Deno.readFile(path);
  await Deno.writeFile(path, bytes.fill(0, bytes.length - 20));
  await agrees(directory);
});

Deno.test("a conflict's three stages are three entries", async () => {
  const directory = await repository();
  await git(directory, "commit", "-qm", "1");
  await git(directory, "checkout", "-qb", "other");
  await Deno.writeTextFile(`${directory}/.nixbox/config.nix`, "theirs\n");
  await git(directory, "commit", "-qam", "2");
  await git(directory, "checkout", "-q", "main");
  await Deno.writeTextFile(`${directory}/.nixbox/config.nix`, "ours\n");
  await git(directory, "commit", "-qam", "3");
  await git(directory, "merge", "other").catch(() => {});
  const { entries } = known(
    await readGitTracking(directory, `${directory}/.nixbox/config.nix`),
  );
  assert.deepEqual(entries.map(({ stage }) => stage), [1, 2, 3]);
});

Deno.test("names that differ in case only are found: macOS takes them for one", async () => {
  const directory = await repository();
  const id = (await git(directory, "hash-object", "-w", "a")).trim();
  await git(directory, "update-index", "--add", "--cacheinfo", `100644,${id},.NixBox/ssh/key`);
  const { entries } = known(await readGitTracking(directory, `${directory}/.nixbox/ssh`));
  assert.deepEqual(entries.map(({ path }) => path), [".NixBox/ssh/key"]);
});

Deno.test("a split index is unknown", async () => {
  const directory = await repository();
  await git(directory, "update-index", "--split-index");
  const tracking = await readGitTracking(directory, `${directory}/.nixbox`);
  assert(tracking.kind === "unknown");
  assert.match(tracking.reason, /is split/);
});

Deno.test("a sparse index is unknown only below what it leaves out", async () => {
  const directory = await repository();
  await Deno.writeTextFile(`${directory}/deep/b`, "");
  await git(directory, "add", "-A");
  await git(directory, "commit", "-qm", "1");
  await git(directory, "sparse-checkout", "set", "--cone", "--sparse-index", ".nixbox");
  const kindOf = async (path: string) =>
    (await readGitTracking(directory, `${directory}/${path}`)).kind;
  assert.equal(await kindOf(".nixbox"), "known");
  assert.equal(await kindOf("deep"), "unknown");
  assert.equal(await kindOf("deep/er/x"), "unknown");
  assert.equal(known(await readGitTracking(directory, `${directory}/.nixbox`)).entries.length, 2);
});

Deno.test("a linked work tree has its own index, and its repository knows it", async () => {
  const directory = await repository();
  await git(directory, "commit", "-qm", "1");
  const linked = `${root}/linked work tree`;
  await git(directory, "worktree", "add", "-q", "-b", "linked", linked);
  await agrees(linked);
  const { repository: found } = known(await readGitTracking(linked, linked));
  assert.equal(found.commonDirectory, `${directory}/.git`);
  assert.equal(found.top, linked);
  assert.equal(found.isMutual, true);
  // A file that anybody may write.
  const forged = `${root}/forged`;
  await Deno.mkdir(forged);
  await Deno.copyFile(`${linked}/.git`, `${forged}/.git`);
  assert.equal(known(await readGitTracking(forged, forged)).repository.isMutual, false);
});

Deno.test("a submodule's repository is the one that knows it", async () => {
  const inner = await repository();
  await git(inner, "commit", "-qm", "1");
  const outer = await repository();
  await git(outer, "submodule", "--quiet", "add", inner, "sub");
  await agrees(`${outer}/sub`);
  const { repository: found } = known(await readGitTracking(`${outer}/sub`, `${outer}/sub`));
  assert.equal(found.gitDirectory, `${outer}/.git/modules/sub`);
  assert.equal(found.isMutual, true);
  const { entries } = known(await readGitTracking(outer, `${outer}/sub`));
  assert.equal(entries[0]?.mode, 0o160000);
  // Of one that is moved git says that it has another work tree.
  await Deno.mkdir(`${outer}/moved`);
  await Deno.rename(`${outer}/sub/.git`, `${outer}/moved/.git`);
  const moved = await readGitTracking(`${outer}/moved`, `${outer}/moved`);
  assert(moved.kind === "unknown");
});

Deno.test("no repository, a directory that only has the name, a new repository", async () => {
  const directory = `${root}/plain`;
  await Deno.mkdir(`${directory}/.git`, { recursive: true });
  assert.deepEqual(await readGitTracking(directory, directory), { kind: "none" });
  const fresh = `${root}/fresh`;
  await git(root, "init", "-q", fresh);
  await Deno.mkdir(`${fresh}/a/b`, { recursive: true });
  assert.deepEqual(known(await readGitTracking(`${fresh}/a/b`, `${fresh}/a/b`)).entries, []);
});

Deno.test("variables of git's have no say", async () => {
  const directory = await repository();
  Deno.env.set("GIT_DIR", "/nonexistent");
  Deno.env.set("GIT_INDEX_FILE", "/nonexistent");
  try {
    assert.equal(known(await readGitTracking(directory, directory)).entries.length, 6);
  } finally {
    Deno.env.delete("GIT_DIR");
    Deno.env.delete("GIT_INDEX_FILE");
  }
});

type Spoil = (directory: string) => Promise<unknown>;
const spoiled: Readonly<Record<string, Spoil>> = {
  "an index that is a symlink": async (directory) => {
    await Deno.rename(`${directory}/.git/index`, `${directory}/.git/other`);
    await Deno.symlink("other", `${directory}/.git/index`);
  },
  "an index that is a pipe": async (directory) => {
    await Deno.remove(`${directory}/.git/index`);
    await run(["mkfifo", `${directory}/.git/index`]);
  },
  "an index that is a directory": async (directory) => {
    await Deno.remove(`${directory}/.git/index`);
    await Deno.mkdir(`${directory}/.git/index`);
  },
  "an index that is huge": (directory) => Deno.truncate(`${directory}/.git/index`, 2 ** 40),
  "an index that is empty": (directory) => Deno.truncate(`${directory}/.git/index`, 0),
  "an index of a later version": (directory) => patch(directory, 7, 5),
  "an index with a wrong checksum": (directory) => patch(directory, 30, 255),
  "an object format of a later git": (directory) =>
    git(directory, "config", "extensions.objectFormat", "sha512"),
  "another work tree": (directory) => git(directory, "config", "core.worktree", "/tmp"),
  "a .git file that names nothing": async (directory) => {
    await Deno.remove(`${directory}/.git`, { recursive: true });
    await Deno.writeTextFile(`${directory}/.git`, "gitdir: /nonexistent\n");
  },
  "a .git that is a pipe": async (directory) => {
    await Deno.remove(`${directory}/.git`, { recursive: true });
    await run(["mkfifo", `${directory}/.git`]);
  },
  "a .git file that is a device": async (directory) => {
    await Deno.remove(`${directory}/.git`, { recursive: true });
    await Deno.symlink("/dev/zero", `${directory}/.git`);
  },
};

async function patch(directory: string, at: number, value: number): Promise<void> {
  const path = `${directory}/.git/index`;
  const bytes = await Deno.readFile(path);
  bytes[at] = value;
  await Deno.writeFile(path, bytes);
}

for (const [what, spoil] of Object.entries(spoiled)) {
  Deno.test(`${what} is unknown, and holds nothing up`, async () => {
    const directory = await repository();
    await spoil(directory);
    const tracking = await readGitTracking(directory, `${directory}/.nixbox`);
    assert.equal(tracking.kind, "unknown");
  });
}

Deno.test("whatever is done to an index, it is read or unknown", async () => {
  const directory = await repository();
  for (const version of [3, 4]) {
    await git(directory, "update-index", `--index-version=${version}`);
    const whole = await Deno.readFile(`${directory}/.git/index`);
    // Without the checksum, which would find all of them.
    whole.fill(0, whole.length - 20);
    for (let at = 0; at < whole.length; at++) {
      const cut = new Uint8Array(at + 20);
      cut.set(whole.subarray(0, at));
      const changed = whole.slice();
      changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8));
      for (const bytes of [cut, changed]) {
        await parseGitIndex(bytes, "sha1", "").catch((error) => {
          assert(error instanceof UnknownIndex, error);
        });
      }
    }
  }
});

Deno.test("a variable of git's config is read as git reads it", async () => {
  const text = '[core]\n\tWorkTree = "/a \\"b\\" # c" ; comment\n[core "x"]\nworktree=no\n' +
    "[EXTENSIONS] objectFormat = sha256 # why\n[other]\nobjectFormat=sha1\n";
  const path = `${root}/config`;
  await Deno.writeTextFile(path, text);
  for (const [section, name] of [["core", "worktree"], ["extensions", "objectformat"]] as const) {
    const value = await git(root, "config", "--file", path, `${section}.${name}`);
    assert.equal(`${gitConfigValue(text, section, name)}\n`, value);
  }
});

Deno.test("what a config leads to is found, however it is written", () => {
  const text =
    '[include]\n\tpath = ../.gitconfig\n[Include] Path="a b" ; x\n[includeIf "gitdir:~/x/"]\n' +
    "path = ~/other\n[core]\n\thooksPath = .githooks\n[other]\npath = no\n";
  assert.deepEqual(gitConfigLeadsTo(text), {
    included: ["../.gitconfig", "a b", "~/other"],
    hooks: [".githooks"],
  });
});
