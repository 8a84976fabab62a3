import assert from "node:assert/strict";
import type { Host } from "../../../lib/host/host.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import { findProject } from "../../../lib/config/find.ts";
import { endExposure, noteExposure } from "../../../lib/lifecycle/exposure.ts";
import {
  loadConfigToRun,
  loadTrustedConfig,
  noteSeen,
  suspectFiles,
} from "../../../lib/lifecycle/trust.ts";
import { watchedFiles } from "../../../lib/lifecycle/watched_files.ts";
import { checkConfig } from "../../../lib/config/schema.ts";
import { exampleRecord } from "../support/record.ts";
import { sampleWith } from "../config/sample.ts";

/** A project, and a machine of it that comes and goes, without any guest. */
class Workspace {
  private constructor(readonly host: Host, readonly directory: string) {}

  static async make(): Promise<Workspace> {
    const root = await Deno.realPath(await Deno.makeTempDir());
    const directory = `${root}/project`;
    await Deno.mkdir(`${directory}/.nixbox/ssh`, { recursive: true });
    await Deno.mkdir(`${directory}/tools`);
    const workspace = new Workspace(
      {
        ...await detectHost(),
        paths: { state: `${root}/state`, cache: "", runtime: "", secrets: "" },
      },
      directory,
    );
    await workspace.write(".nixbox/config.nix", "{ nix.modules = [ ../tools/guest.nix ]; }\n");
    await workspace.write("tools/guest.nix", "{ }\n");
    return workspace;
  }

  write(path: string, text: string): Promise<void> {
    return Deno.writeTextFile(`${this.directory}/${path}`, text);
  }

  project() {
    return findProject(this.host, this.directory);
  }

  async record() {
    const { id, directory } = await this.project();
    return { ...exampleRecord, id, project: directory };
  }

  /** What `up` does. `masks` is empty where a host cannot hide anything, as macOS. */
  async up(masks: readonly string[], source = this.directory): Promise<void> {
    const project = await this.project();
    const modules = [`${this.directory}/tools/guest.nix`];
    const config = checkConfig(sampleWith({ "nix.modules": modules }), "c");
    const files = await watchedFiles(project.configDirectory, modules, this.host.user.home);
    await noteSeen(this.host, project, { config, files });
    const [share] = exampleRecord.shares;
    assert.ok(share);
    await noteExposure(this.host, await this.record(), [{ ...share, source, masks }]);
  }

  async down(): Promise<void> {
    await endExposure(this.host, await this.record());
  }

  async suspects(): Promise<string[]> {
    const { suspects } = await suspectFiles(this.host, await this.project());
    return suspects.map(({ path }) => path.slice(this.directory.length + 1));
  }

  async accept(): Promise<void> {
    await (await suspectFiles(this.host, await this.project())).accept();
  }
}

Deno.test("before a machine ever ran, nothing is suspect", async () => {
  const workspace = await Workspace.make();
  assert.deepEqual(await workspace.suspects(), []);
  await workspace.write(".nixbox/config.nix", "{ }\n");
  assert.deepEqual(await workspace.suspects(), []);
});

Deno.test("where .nixbox cannot be hidden, a change under a machine stops every use, until accepted", async () => {
  const workspace = await Workspace.make();
  await workspace.up([]);
  assert.deepEqual(await workspace.suspects(), []);
  await workspace.write(".nixbox/config.nix", "{ hooks.pre-up = [ ''evil'' ]; }\n");
  await workspace.write(".nixbox/new.nix", "{ }\n");
  const expected = [".nixbox/config.nix", ".nixbox/new.nix"];
  assert.deepEqual(await workspace.suspects(), expected);
  await assert.rejects(
    loadTrustedConfig(workspace.host, await workspace.project()),
    /config\.nix may have been written by a machine/,
  );
  await workspace.down();
  assert.deepEqual(await workspace.suspects(), expected);
  const { suspects: [config] } = await suspectFiles(workspace.host, await workspace.project());
  assert.match(config?.before ?? "", /guest\.nix/);
  assert.match(config?.after ?? "", /evil/);
  await workspace.accept();
  assert.deepEqual(await workspace.suspects(), []);
  await workspace.write(".nixbox/config.nix", "{ name = ''mine''; }\n");
  assert.deepEqual(await workspace.suspects(), [], "after the machine is gone, the user may edit");
});

Deno.test("a change that was taken back is none, and a touched file stays suspect", async () => {
  const workspace = await Workspace.make();
  await workspace.up([]);
  await workspace.write(".nixbox/config.nix", "{ evil = true; }\n");
  await workspace.down();
  // What a backup or chmod -R does must not wash a change clean.
  await Deno.chmod(`${workspace.directory}/.nixbox/config.nix`, 0o600);
  assert.deepEqual(await workspace.suspects(), [".nixbox/config.nix"]);
  await workspace.write(".nixbox/config.nix", "{ nix.modules = [ ../tools/guest.nix ]; }\n");
  assert.deepEqual(await workspace.suspects(), []);
});

Deno.test("an edit while no machine runs is the user's own", async () => {
  const workspace = await Workspace.make();
  await workspace.up([]);
  await workspace.down();
  await workspace.write(".nixbox/config.nix", "{ nix.modules = [ ]; }\n");
  await workspace.write(".nixbox/added.nix", "{ }\n");
  assert.deepEqual(await workspace.suspects(), []);
});

Deno.test("where .nixbox is hidden, edits in it are free, and what lies outside of it is watched", async () => {
  const workspace = await Workspace.make();
  await workspace.up([`${workspace.directory}/.nixbox`]);
  await workspace.write(
    ".nixbox/config.nix",
    "{ nix.modules = [ ../tools/guest.nix ]; name = ''x''; }\n",
  );
  assert.deepEqual(await workspace.suspects(), []);
  await workspace.write("tools/guest.nix", "{ evil = true; }\n");
  assert.deepEqual(await workspace.suspects(), ["tools/guest.nix"]);
  await workspace.down();
  assert.deepEqual(await workspace.suspects(), ["tools/guest.nix"]);
  await workspace.accept();
  await workspace.write("tools/other.nix", "{ }\n");
  await workspace.write(".nixbox/config.nix", "{ nix.modules = [ ../tools/other.nix ]; }\n");
  assert.deepEqual(await workspace.suspects(), ["tools/other.nix"], "nobody has seen it");
});

Deno.test("a .nixbox that was made anew under a machine is not the one that was hidden", async () => {
  const workspace = await Workspace.make();
  await workspace.up([`${workspace.directory}/.nixbox`]);
  await Deno.rename(`${workspace.directory}/.nixbox`, `${workspace.directory}/../away`);
  await Deno.mkdir(`${workspace.directory}/.nixbox`);
  await workspace.write(".nixbox/config.nix", "{ evil = true; }\n");
  assert.deepEqual(await workspace.suspects(), [".nixbox/config.nix"]);
});

Deno.test("a link in a file's place is suspect, however old what it leads to is", async () => {
  const workspace = await Workspace.make();
  await workspace.write("old.nix", "{ old = true; }\n");
  const file = `${workspace.directory}/tools/guest.nix`;
  await workspace.up([`${workspace.directory}/.nixbox`]);
  await Deno.remove(file);
  await Deno.symlink("../old.nix", file);
  assert.deepEqual(await workspace.suspects(), ["tools/guest.nix"]);
});

Deno.test("a config below another project's share may be a guest's: a look-alike is refused", async () => {
  const outer = await Workspace.make();
  await outer.up([`${outer.directory}/.nixbox`]);
  await Deno.mkdir(`${outer.directory}/sub/.nixbox`, { recursive: true });
  await outer.write("sub/.nixbox/config.nix", "{ hooks.pre-up = [ ''evil'' ]; }\n");
  const planted = await findProject(outer.host, `${outer.directory}/sub`);
  await assert.rejects(
    loadTrustedConfig(outer.host, planted),
    /may have been written by a machine/,
  );
  await outer.down();
  await assert.rejects(
    loadTrustedConfig(outer.host, planted),
    /may have been written by a machine/,
  );
  const { accept } = await suspectFiles(outer.host, planted);
  await accept();
  assert.deepEqual((await suspectFiles(outer.host, planted)).suspects, []);
});

Deno.test("a machine that was never seen to end could write until now", async () => {
  const workspace = await Workspace.make();
  await workspace.up([]);
  await workspace.down();
  await workspace.up([]);
  await workspace.write(".nixbox/config.nix", "{ evil = true; }\n");
  assert.deepEqual(await workspace.suspects(), [".nixbox/config.nix"]);
});

Deno.test("keys are no config, and a pipe that a guest planted is not opened", async () => {
  const workspace = await Workspace.make();
  await workspace.up([]);
  await workspace.write(".nixbox/ssh/login_ed25519", "key\n");
  await new Deno.Command("mkfifo", { args: [`${workspace.directory}/.nixbox/pipe`] }).output();
  await Deno.symlink("loop", `${workspace.directory}/.nixbox/loop`);
  await Deno.symlink("/", `${workspace.directory}/tools/root`);
  assert.deepEqual(await workspace.suspects(), []);
});

Deno.test("a link to a file that says the same is a change: what it imports lies elsewhere", async () => {
  const workspace = await Workspace.make();
  const masks = [`${workspace.directory}/.nixbox`];
  await workspace.write("tools/guest.nix", "import ./lib.nix\n");
  await workspace.write("tools/lib.nix", "{ }\n");
  await workspace.up(masks);
  assert.deepEqual(await workspace.suspects(), []);
  await Deno.mkdir(`${workspace.directory}/evil`);
  await workspace.write("evil/guest.nix", "import ./lib.nix\n");
  await workspace.write("evil/lib.nix", "{ evil = true; }\n");
  await Deno.remove(`${workspace.directory}/tools/guest.nix`);
  await Deno.symlink("../evil/guest.nix", `${workspace.directory}/tools/guest.nix`);
  assert.deepEqual(await workspace.suspects(), ["evil/lib.nix", "tools/guest.nix"]);
  await workspace.down();
  assert.deepEqual(await workspace.suspects(), ["evil/lib.nix", "tools/guest.nix"]);
});

Deno.test("what a config names by an absolute path, or from home, is watched too", async () => {
  const workspace = await Workspace.make();
  const { home } = workspace.host.user;
  const inHome = `nixbox-test-${crypto.randomUUID()}.nix`;
  await Deno.writeTextFile(`${home}/${inHome}`, "{ }\n");
  try {
    const absolute = `${workspace.directory}/tools/absolute.nix`;
    await Deno.writeTextFile(absolute, "{ }\n");
    const config = `{ a = import ${absolute}; # x\r b = import ~/${inHome};\n }\n`;
    await workspace.write(".nixbox/config.nix", config);
    await workspace.up([`${workspace.directory}/.nixbox`]);
    await Deno.writeTextFile(absolute, "{ evil = true; }\n");
    assert.deepEqual(await workspace.suspects(), ["tools/absolute.nix"]);
    const files = await watchedFiles(`${workspace.directory}/.nixbox`, [], home);
    assert.ok(files.some(({ path }) => path === `${home}/${inHome}`));
  } finally {
    await Deno.remove(`${home}/${inHome}`);
  }
});

Deno.test("what is accepted does not forget a machine that came up meanwhile", async () => {
  const workspace = await Workspace.make();
  await workspace.up([]);
  await workspace.write(".nixbox/config.nix", "{ one = true; }\n");
  await workspace.down();
  const { accept } = await suspectFiles(workspace.host, await workspace.project());
  const [share] = exampleRecord.shares;
  assert.ok(share);
  const again = [{ ...share, source: workspace.directory, masks: [] }];
  await noteExposure(workspace.host, await workspace.record(), again);
  await accept();
  await workspace.write(".nixbox/config.nix", "{ two = true; }\n");
  assert.deepEqual(await workspace.suspects(), [".nixbox/config.nix"]);
});

Deno.test("while another machine can write to a config, it is not run", async () => {
  const outer = await Workspace.make();
  await Deno.mkdir(`${outer.directory}/sub/.nixbox`, { recursive: true });
  await outer.write("sub/.nixbox/config.nix", "{ }\n");
  const inner = await findProject(outer.host, `${outer.directory}/sub`);
  const config = checkConfig(sampleWith({}), "c");
  const files = await watchedFiles(inner.configDirectory, [], outer.host.user.home);
  await noteSeen(outer.host, inner, { config, files });
  await outer.up([`${outer.directory}/.nixbox`]);
  assert.deepEqual((await suspectFiles(outer.host, inner)).suspects, []);
  const nix = await outer.host.which("nix");
  if (nix === undefined) return;
  await assert.rejects(loadConfigToRun(outer.host, inner), /a machine that is up can write to/);
});
