import assert from "node:assert/strict";
import { TestProject } from "../e2e/support/machine.ts";
import { evaluate } from "./support/evaluate.ts";
import { assetsWithPaths } from "./support/stand_in.ts";

/** A project on inputs whose release a test changes, and what is known of its builds and its disk. */
class Versions {
  private constructor(
    readonly project: TestProject,
    readonly environment: Record<string, string>,
    private readonly inputs: string,
    private readonly state: string,
  ) {}

  static async make(project: TestProject): Promise<Versions> {
    const { assets, inputs } = await assetsWithPaths();
    const state = await Deno.makeTempDir({ dir: "/var/tmp" });
    const env = { NIXBOX_ASSETS: assets, XDG_STATE_HOME: state };
    return new Versions(project, env, inputs, state);
  }

  /** Calls nixbox, which must succeed. */
  async call(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.project.call(words, { env: this.environment });
    assert.equal(code, 0, stderr);
    return stdout;
  }

  /** nixpkgs comes to another release, and the project takes it. */
  async release(version: string): Promise<void> {
    const file = `${this.inputs}/nixpkgs/lib.nix`;
    const text = await Deno.readTextFile(file);
    await Deno.writeTextFile(file, text.replace(/(release = ")[^"]*/, `$1${version}`));
    await this.call("update");
  }

  /** The last build's state version and release, as its system has them. */
  async built(): Promise<{ state: string; release: string; hash: string }> {
    const { runnerDirectory, hash } = JSON.parse(await this.call("build", "--json"));
    const system = `${runnerDirectory}/share/microvm/system`;
    const release = await Deno.readTextFile(`${system}/etc/os-release`);
    const state = await Deno.readTextFile(`${system}/state-version`);
    return { state: state.trim(), release: release.trim().slice(12, -1), hash };
  }

  /** A file beside the disk. */
  beside(name: string): string {
    const [project] = [...Deno.readDirSync(`${this.state}/nixbox/projects`)];
    return `${this.state}/nixbox/projects/${project?.name}/${name}`;
  }

  async boot(...words: string[]): Promise<void> {
    await this.call("up", ...words);
    await this.call("down");
  }
}

Deno.test("a machine's state version stays with its disk, whatever release nixpkgs comes to", async (t) => {
  await using project = await TestProject.make('user = "dev";');
  const versions = await Versions.make(project);
  const noted = async () => (await Deno.readTextFile(versions.beside("state-version"))).trim();
  const both = async () => {
    const { state, release } = await versions.built();
    return { state, release };
  };

  await t.step("the first boot notes it, and the next build is the same", async () => {
    const first = await versions.built();
    assert.deepEqual(await both(), { state: "26.05", release: "26.05" });
    await versions.boot();
    assert.equal(await noted(), "26.05");
    assert.equal((await versions.built()).hash, first.hash);
  });

  await t.step("a newer release keeps it", async () => {
    await versions.release("26.11");
    assert.deepEqual(await both(), { state: "26.05", release: "26.11" });
    const { hash } = await versions.built();
    await versions.boot();
    assert.equal((await versions.built()).hash, hash);
    assert.equal(await noted(), "26.05");
  });

  await t.step("with an empty disk it is that of the release", async () => {
    await versions.boot("--fresh");
    assert.equal(await noted(), "26.11");
    assert.deepEqual(await both(), { state: "26.11", release: "26.11" });
  });

  await t.step("a disk that nothing was noted of has that of the last build", async () => {
    await Deno.remove(versions.beside("state-version"));
    await versions.release("27.05");
    assert.deepEqual(await both(), { state: "26.11", release: "27.05" });
    assert.equal(await noted(), "26.11");
  });

  await t.step("what was noted and is not a release is named, and is not guessed", async () => {
    await Deno.writeTextFile(versions.beside("state-version"), "newest");
    const { code, stderr } = await project.call(["build"], {
      env: versions.environment,
    });
    assert.equal(code, 1);
    assert.match(stderr, /not a release of NixOS[^]*state-version[^]*up --fresh/);
  });

  await t.step("down --forget forgets it", async () => {
    await versions.call("down", "--forget");
    assert.deepEqual(await both(), { state: "27.05", release: "27.05" });
  });
});

Deno.test("a module's own system.stateVersion wins over the disk's", async () => {
  const apply = "c: c.system.stateVersion";
  assert.equal(await evaluate(apply, { stateVersion: "25.05" }), "25.05");
  const files = { "module.nix": '{ system.stateVersion = "24.11"; }' };
  assert.equal(await evaluate(apply, { stateVersion: "25.05", files }), "24.11");
});
