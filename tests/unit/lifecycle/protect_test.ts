import assert from "node:assert/strict";
import type { Host } from "../../../lib/host/host.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import { exists } from "../../../lib/host/files/files.ts";
import { run } from "../../../lib/host/process/run.ts";
import { changedObeyed, noteObeyed } from "../../../lib/lifecycle/protection/obeyed_changes.ts";
import {
  makePlaceholders,
  releaseProtection,
} from "../../../lib/lifecycle/protection/placeholders.ts";
import { findProtection } from "../../../lib/lifecycle/protection/protect.ts";
import { obeyedByDefault } from "../../../lib/share/obeyed.ts";
import { exampleRecord } from "../support/record.ts";

const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));
const host: Host = {
  ...await detectHost(),
  paths: { state: `${root}/state`, cache: "", runtime: "", secrets: "" },
};

let count = 0;

async function directory(...files: string[]): Promise<string> {
  const path = `${root}/share${++count}`;
  await Deno.mkdir(path);
  for (const name of files) {
    const at = `${path}/${name}`;
    await Deno.mkdir(at.slice(0, at.lastIndexOf("/")), { recursive: true });
    await Deno.writeTextFile(at, name);
  }
  return path;
}

async function git(path: string, ...words: string[]): Promise<void> {
  await run(["git", "-C", path, "-c", "user.name=a", "-c", "user.email=a@test", ...words]);
}

async function found(path: string, names?: readonly string[]) {
  const { protection, warnings } = await findProtection(path, names);
  const below = (paths: readonly string[]) => paths.map((one) => one.slice(path.length + 1)).sort();
  return {
    sealed: below(protection.sealed),
    open: below(protection.open),
    placeholders: below(protection.placeholders),
    warnings,
  };
}

Deno.test("without a repository all names are held, .git whole", async () => {
  const { sealed, placeholders } = await found(await directory(".envrc", ".vscode/tasks.json"));
  assert.deepEqual(sealed, [...obeyedByDefault].sort());
  assert.deepEqual(placeholders, sealed.filter((name) => name !== ".envrc" && name !== ".vscode"));
});

Deno.test("of a repository, what git runs or obeys, and not its history", async () => {
  const path = await directory();
  await git(path, "init", "-q");
  const { sealed, placeholders } = await found(path, [".git"]);
  assert.deepEqual(sealed, [".git/commondir", ".git/config", ".git/hooks"]);
  assert.deepEqual(placeholders, [".git/commondir"]);
  await Deno.writeTextFile(`${path}/.git/config.worktree`, "");
  assert.ok((await found(path, [".git"])).sealed.includes(".git/config.worktree"));
});

Deno.test("hooks and configs elsewhere in the share, which the config names, are held too", async () => {
  const path = await directory(".githooks/pre-commit", "git/config");
  await git(path, "init", "-q");
  await Deno.writeTextFile(`${path}/git/config`, "");
  await git(path, "config", "core.hooksPath", ".githooks");
  await git(path, "config", "--add", "include.path", "../git/config");
  await git(path, "config", "--add", "include.path", "../missing/config");
  await git(path, "config", "--add", "include.path", "/etc/passwd");
  const { sealed } = await found(path, [".git"]);
  const beside = sealed.filter((name) => !name.startsWith(".git/"));
  assert.deepEqual(beside, [".githooks", "git/config", "missing"]);
});

Deno.test("a repository that cannot be read is held all the same, with a word about it", async () => {
  const path = await directory();
  await git(path, "init", "-q");
  await git(path, "config", "extensions.objectFormat", "sha512");
  assert.ok((await found(path, [".git"])).sealed.includes(".git/config"));
  await Deno.rename(`${path}/.git/config`, `${path}/.git/own`);
  await Deno.symlink("own", `${path}/.git/config`);
  const { sealed, warnings } = await found(path, [".git"]);
  assert.ok(sealed.includes(".git/hooks"));
  assert.equal(warnings.length, 2);
});

Deno.test("linked work trees of others are held, those in the share may be used", async () => {
  const path = await directory("file");
  await git(path, "init", "-q");
  await git(path, "add", "file");
  await git(path, "commit", "-qm", "1");
  await git(path, "worktree", "add", "-q", "-b", "x", `${path}/in`);
  await git(path, "worktree", "add", "-q", "-b", "y", `${root}/out${count}`);
  const { sealed, open } = await found(path, [".git"]);
  assert.deepEqual(open, [".git/worktrees/in"]);
  for (
    const name of ["worktrees", "worktrees/in/commondir", "worktrees/in/gitdir"]
  ) assert.ok(sealed.includes(`.git/${name}`), name);
  assert.ok(sealed.includes("in/.git"));
  assert.deepEqual((await found(`${path}/in`, [".git"])).sealed, [".git"]);
});

Deno.test("of a project below a share what is there is held too; of the user's own project what is not, as well", async () => {
  const path = await directory("own/file", "other/.envrc");
  const projects = [`${path}/own`, `${path}/other`, `${path}/gone`, root, path];
  const { protection } = await findProtection(path, [".envrc", ".git"], projects);
  const sealed = protection.sealed.map((one) => one.slice(path.length + 1)).sort();
  assert.deepEqual(sealed, [".envrc", ".git", "other/.envrc", "own/.envrc", "own/.git"]);
});

Deno.test("a symlink cannot be held, and is named", async () => {
  const path = await directory("real/settings.json");
  await Deno.symlink("real", `${path}/.vscode`);
  const { sealed, warnings } = await found(path, [".vscode", ".vscode/settings.json", ".idea"]);
  assert.deepEqual(sealed, [".idea"]);
  assert.equal(warnings.length, 2);
  assert.match(warnings[0] ?? "", /\.vscode is a symlink, which the guest can replace/);
});

Deno.test("of a name with slashes, the topmost directory that is missing stands for the rest", async () => {
  const path = await directory("a/x");
  const { sealed, placeholders } = await found(path, ["a/b/c", "d/e", "a/x"]);
  assert.deepEqual(sealed, ["a/b", "a/x", "d"]);
  assert.deepEqual(placeholders, ["a/b", "d"]);
});

Deno.test("places are made and removed; what somebody has put there stays", async () => {
  const path = await directory();
  await git(path, "init", "-q");
  const { protection } = await findProtection(path);
  await makePlaceholders(protection);
  await makePlaceholders(protection);
  assert.equal(await Deno.readTextFile(`${path}/.git/commondir`), ".\n");
  assert.ok((await Deno.stat(`${path}/.idea`)).isDirectory);
  const { stdout } = await run(["git", "-C", path, "status", "--porcelain"]);
  assert.equal(stdout, "");
  await Deno.writeTextFile(`${path}/.vscode/settings.json`, "{}");
  await releaseProtection(host, { protection }, () => false);
  assert.equal(await exists(`${path}/.idea`), false);
  assert.equal(await exists(`${path}/.git/commondir`), false);
  assert.ok(await exists(`${path}/.vscode/settings.json`));
  await makePlaceholders(protection);
  await Deno.writeTextFile(`${path}/.git/commondir`, "../own\n");
  await releaseProtection(host, { protection }, () => false);
  assert.ok(await exists(`${path}/.git/commondir`));
});

Deno.test("a place that another machine's share needs is left", async () => {
  const path = await directory();
  const { protection } = await findProtection(path, [".idea", ".zed"]);
  await makePlaceholders(protection);
  const [share] = exampleRecord.shares;
  assert.ok(share);
  const other = { sealed: [`${path}/.idea`], open: [], placeholders: [], names: [] };
  const record = { ...exampleRecord, shares: [{ ...share, protection: other }] };
  await Deno.mkdir(`${root}/state/machines`, { recursive: true });
  const file = `${root}/state/machines/${record.id}.json`;
  await Deno.writeTextFile(file, JSON.stringify(record));
  await releaseProtection(host, { protection }, () => false);
  assert.ok(await exists(`${path}/.idea`));
  assert.equal(await exists(`${path}/.zed`), false);
  await releaseProtection(host, { protection }, (machine) => machine === record.id);
  assert.equal(await exists(`${path}/.idea`), false);
  await Deno.remove(file);
});

Deno.test("what changed of the kind is named: deep, nested, replaced; nothing else is", async () => {
  const path = await directory("a/.envrc", "a/b/.vscode/tasks.json", ".git2", "file", ".mcp.json");
  await git(path, "init", "-q");
  const { protection } = await findProtection(path);
  await makePlaceholders(protection);
  const [share] = exampleRecord.shares;
  assert.ok(share);
  const own = { ...share, source: path, masks: [`${path}/.nixbox`], protection };
  const record = { ...exampleRecord, shares: [own] };
  await noteObeyed(host, record.id, own);
  assert.deepEqual(await changedObeyed(host, record), []);
  await Deno.writeTextFile(`${path}/file`, "changed");
  await Deno.writeTextFile(`${path}/.git/HEAD`, "ref: refs/heads/other\n");
  await Deno.mkdir(`${path}/.nixbox/.vscode`, { recursive: true });
  await Deno.mkdir(`${path}/node_modules/.vscode`, { recursive: true });
  assert.deepEqual(await changedObeyed(host, record), []);
  await Deno.writeTextFile(`${path}/a/.envrc`, "changed");
  await Deno.writeTextFile(`${path}/a/b/.vscode/tasks.json`, "changed");
  await run(["git", "init", "-q", `${path}/c/d`]);
  await run(["git", "init", "-q", "--bare", `${path}/c/bare`]);
  await Deno.writeTextFile(`${path}/new`, "by rename");
  await Deno.rename(`${path}/new`, `${path}/.mcp.json`);
  assert.deepEqual(await changedObeyed(host, record), [
    `${path}/.mcp.json`,
    `${path}/a/.envrc`,
    `${path}/a/b/.vscode`,
    `${path}/c/bare`,
    `${path}/c/d/.git`,
  ]);
  await run(["git", "-C", `${path}/c/d`, "config", "core.fsmonitor", "evil"]);
  for (let index = 0; index < 30; index++) {
    await Deno.mkdir(`${path}/x${index}/.idea`, { recursive: true });
  }
  assert.equal((await changedObeyed(host, record)).length, 20);
});
