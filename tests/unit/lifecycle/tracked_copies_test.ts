import assert from "node:assert/strict";
import { detectHost } from "../../../lib/host/detect.ts";
import { exists } from "../../../lib/host/files/files.ts";
import { run } from "../../../lib/host/process/run.ts";
import { stageTrackedCopies } from "../../../lib/lifecycle/protection/tracked_copies.ts";
import { copiesOf } from "../../../lib/share/covers.ts";
import { testOnLinux } from "../support/systems.ts";

const host = await detectHost();
const root = await Deno.realPath(await Deno.makeTempDir());
globalThis.addEventListener("unload", () => Deno.removeSync(root, { recursive: true }));

async function git(directory: string, ...args: string[]): Promise<string> {
  const identity = ["-c", "user.name=a", "-c", "user.email=a@test"];
  return (await run(["git", "-C", directory, ...identity, ...args])).stdout.trim();
}

let count = 0;

async function repository(...options: string[]): Promise<string> {
  const directory = `${root}/repository${++count}`;
  await git(root, "init", "-q", ...options, directory);
  await Deno.mkdir(`${directory}/.nixbox/ssh`, { recursive: true });
  await Deno.writeTextFile(`${directory}/.nixbox/config.nix`, "{ }\n");
  await Deno.writeTextFile(`${directory}/.nixbox/ssh/key`, "secret\n");
  await git(directory, "add", ".nixbox/config.nix");
  return directory;
}

/** Adds an entry as a guest could, who writes the index itself. */
async function forge(directory: string, mode: string, content: string, path: string) {
  const object = `${root}/object`;
  await Deno.writeTextFile(object, content);
  const id = await git(directory, "hash-object", "-w", object);
  await git(directory, "update-index", "--add", "--cacheinfo", `${mode},${id},${path}`);
}

async function staged(directory: string) {
  const socket = `${root}/${count}.sock`;
  const share = {
    source: directory,
    identity: "",
    masks: [`${root}/state`, `${directory}/.nixbox`],
    socket,
  };
  const warnings = await stageTrackedCopies(host, share);
  return { warnings: warnings.join(), copy: copiesOf(share, 1) };
}

testOnLinux("tracked files are there as the index has them, and keys are not", async () => {
  for (const format of ["sha1", "sha256"]) {
    const directory = await repository(`--object-format=${format}`);
    await Deno.symlink("config.nix", `${directory}/.nixbox/link`);
    await Deno.writeTextFile(`${directory}/.nixbox/run`, "1\n", { mode: 0o755 });
    await git(directory, "add", ".nixbox");
    await git(directory, "commit", "-qm", "1");
    await git(directory, "gc", "-q");
    await Deno.writeTextFile(`${directory}/.nixbox/config.nix`, "{ changed = 1; }\n");
    await Deno.remove(`${directory}/.nixbox/run`);
    const { warnings, copy } = await staged(directory);
    assert.equal(warnings, "");
    assert.equal(await Deno.readTextFile(`${copy}/config.nix`), "{ }\n");
    assert.equal(await Deno.readLink(`${copy}/link`), "config.nix");
    assert.equal((await Deno.stat(`${copy}/run`)).mode! & 0o777, 0o755);
    assert.equal(await exists(`${copy}/ssh`), false);
  }
});

testOnLinux("a config of the repository's that names programs runs none", async () => {
  const directory = await repository();
  await git(directory, "commit", "-qm", "1");
  const ran = `${root}/ran`;
  for (const key of ["core.fsmonitor", "core.sshCommand", "core.pager", "diff.external"]) {
    await git(directory, "config", key, `touch ${ran}`);
  }
  await Deno.writeTextFile(`${directory}/.gitattributes`, "* filter=x\n");
  await git(directory, "config", "filter.x.smudge", `touch ${ran}; cat`);
  await git(directory, "config", "core.hooksPath", directory);
  await Deno.remove(`${root}/ran`).catch(() => {});
  await Deno.writeTextFile(`${directory}/.nixbox/config.nix`, "changed\n");
  const { warnings, copy } = await staged(directory);
  assert.equal(warnings, "");
  assert.equal(await Deno.readTextFile(`${copy}/config.nix`), "{ }\n");
  assert.equal(await exists(ran), false);
});

testOnLinux("an index that a guest forged writes nothing outside of the copy", async () => {
  const directory = await repository();
  const outside = `${root}/outside`;
  await Deno.mkdir(outside);
  // git itself refuses such an index, so that the two lie beside each other in another order.
  await forge(directory, "120000", outside, ".nixbox/Out");
  await forge(directory, "100644", "evil", ".nixbox/out/evil");
  const { warnings, copy } = await staged(directory);
  assert.match(warnings, /git's index is wrong/);
  assert.equal(await exists(copy), false);
  assert.deepEqual([...Deno.readDirSync(outside)], []);
});

const refused: Readonly<Record<string, [(directory: string) => Promise<unknown>, RegExp]>> = {
  "a .nixbox that git takes for a symlink": [async (directory) => {
    await git(directory, "rm", "-rq", "--cached", ".nixbox");
    await forge(directory, "120000", "/tmp", ".nixbox");
  }, /something else than a directory/],
  "more than 4 MiB": [
    (directory) => forge(directory, "100644", "x".repeat(5_000_000), ".nixbox/large"),
    /too large/,
  ],
  "an object that is not there": [
    (directory) =>
      git(
        directory,
        ...["update-index", "--add", "--cacheinfo"],
        `100644,${"1".repeat(40)},.nixbox/x`,
      ),
    /could not|exit|no such|bad file/i,
  ],
  "a split index": [
    (directory) => git(directory, "update-index", "--split-index"),
    /is split/,
  ],
};

for (const [what, [spoil, says]] of Object.entries(refused)) {
  testOnLinux(`${what}: a warning, and an empty .nixbox`, async () => {
    const directory = await repository();
    await spoil(directory);
    const { warnings, copy } = await staged(directory);
    assert.match(warnings, /the guest's git sees .*\.nixbox as deleted/);
    assert.match(warnings, says);
    assert.equal(await exists(copy), false);
  });
}

testOnLinux("what git does not track, or no repository: nothing is shown", async () => {
  const directory = await repository();
  await git(directory, "rm", "-rq", "--cached", ".nixbox");
  const { warnings, copy } = await staged(directory);
  assert.equal(warnings, "");
  assert.equal(await exists(copy), false);
});
