import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { parentOf } from "../../lib/base/paths.ts";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";

async function git(directory: string, ...words: string[]): Promise<string> {
  const identity = ["-c", "user.name=ann", "-c", "user.email=ann@test"];
  return (await run(["git", "-C", directory, ...identity, ...words])).stdout;
}

/** What an agent does, and what would break a repository whose other work trees it does not see. */
const work = `set -e
test -z "$(git status --porcelain .nixbox file)"
echo 2 >>file; git commit -qam "from the guest"
git switch -qc guest-branch
echo 3 >>file; git stash -q; git stash pop -q; git commit -qam more
git rebase -q main
git worktree prune -v --expire now || true
git -c gc.worktreePruneExpire=now gc -q --prune=now || true
git worktree list | head -1
`;

Deno.test("a linked work tree works in the guest, and its repository is as safe as any", async (t) => {
  await using project = await TestProject.make();
  const { directory } = project;
  const parent = parentOf(directory);
  await Deno.writeTextFile(`${directory}/.nixbox/.gitignore`, "/ssh/\n");
  await Deno.writeTextFile(`${directory}/file`, "1\n");
  await git(directory, "init", "-qb", "main");
  await git(directory, "config", "user.name", "ann");
  await git(directory, "config", "user.email", "ann@test");
  await git(directory, "add", ".");
  await git(directory, "commit", "-qm", "first");
  await git(directory, "worktree", "add", "-qb", "linked", `${parent}/linked`);
  await git(directory, "worktree", "add", "-qb", "beside", `${parent}/beside`);
  await git(directory, "worktree", "add", "-qb", "inside", `${directory}/inside`);
  const [linked, beside, inside] = [`${parent}/linked`, `${parent}/beside`, `${directory}/inside`];
  const config = await Deno.readTextFile(`${directory}/.git/config`);
  const worksOnHost = async () => {
    for (const place of [directory, linked, beside, inside]) {
      await git(place, "status", "--porcelain");
    }
    assert.equal(await git(directory, "fsck", "--no-dangling"), "");
    assert.equal((await git(directory, "worktree", "list")).trim().split("\n").length, 4);
    assert.equal(await Deno.readTextFile(`${directory}/.git/config`), config);
  };

  await t.step("with the config committed: up shares the repository, and says so", async () => {
    const { code, stderr } = await project.call(["up", "--runner", "/lab/runner"], { cwd: linked });
    assert.equal(code, 0, stderr);
    assert.match(stderr, /linked is a linked work tree: .*box\/\.git is shared too/);
    const did = await project.call(["run", "--", "sh", "-xc", work], { cwd: linked });
    assert.equal(did.code, 0, did.stderr);
    assert.equal(await git(linked, "log", "-1", "--format=%s"), "more\n");
    await worksOnHost();
  });

  await t.step(
    "neither config, hooks nor where git looks for them are the guest's to change",
    async () => {
      const line = `cd '${directory}/.git'; for name in config hooks/post-checkout commondir ` +
        "worktrees/linked/commondir worktrees/linked/gitdir worktrees/beside/HEAD " +
        'worktrees/beside/commondir; do echo ../evil >"$name"; rm -f "$name"; ' +
        'echo ../evil >"$name.new" && mv -f "$name.new" "$name"; done; rm -rf worktrees/beside worktrees/inside; ' +
        "mv worktrees away; cd ~/workspace; echo 'gitdir: /tmp' >.git; rm .git; mv .git git";
      await project.call(["run", "--", "sudo", "sh", "-c", line], { cwd: linked });
      await Deno.remove(`${directory}/.git/config.new`).catch(() => {});
      await worksOnHost();
      assert.equal(await exists(`${directory}/.git/hooks/post-checkout`), false);
    },
  );

  await t.step("down leaves the repository as it was", async () => {
    assert.equal((await project.call(["down"], { cwd: linked })).code, 0);
    assert.equal(await exists(`${directory}/.git/commondir`), false);
    await worksOnHost();
  });

  await t.step("the config in the main work tree: one that lies in it works too", async () => {
    await project.mustUp();
    const line = `cd ~/workspace/inside && ${work.replaceAll("guest-branch", "other-branch")}`;
    const { code, stderr } = await project.run("sh", "-xc", line);
    assert.equal(code, 0, stderr);
    await worksOnHost();
    assert.equal((await project.down()).code, 0);
  });

  await t.step(
    "the config not committed, and a repository that does not know the work tree: up says why",
    async () => {
      await Deno.mkdir(`${parent}/forged/.nixbox`, { recursive: true });
      await Deno.copyFile(`${directory}/.nixbox/config.nix`, `${parent}/forged/.nixbox/config.nix`);
      await Deno.copyFile(`${linked}/.git`, `${parent}/forged/.git`);
      const plan = await project.call(["up", "--runner", "/lab/runner", "--dry-run"], {
        cwd: `${parent}/forged`,
      });
      assert.equal(plan.code, 0, plan.stderr);
      assert.match(
        plan.stderr,
        /git will not work in ~\/workspace: .*does not know of it; `git worktree repair`/,
      );
      assert.doesNotMatch(plan.stdout, /box\/\.git/);
      await git(directory, "rm", "-rq", "--cached", ".nixbox");
      await git(directory, "commit", "-qm", "without");
      await git(beside, "reset", "-q", "--hard", "main");
      await Deno.mkdir(`${beside}/.nixbox`);
      await Deno.copyFile(`${directory}/.nixbox/config.nix`, `${beside}/.nixbox/config.nix`);
      const own = await project.call(["up", "--runner", "/lab/runner", "--dry-run"], {
        cwd: beside,
      });
      assert.match(own.stderr, /beside is a linked work tree: .*box\/\.git is shared too/);
    },
  );
});
