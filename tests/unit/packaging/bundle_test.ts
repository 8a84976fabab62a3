import assert from "node:assert/strict";
import { ownCommand } from "../../../lib/host/process/own_command.ts";
import { run } from "../../../lib/host/process/run.ts";
import { makeBundle } from "../../../packaging/bundle.ts";

const root = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");

Deno.test("the bundle runs from any place, by a symlink too, and finds its Nix files", async () => {
  const directory = await Deno.makeTempDir({ prefix: "nixbox a b " });
  await makeBundle(root, `${directory}/made`);
  await Deno.rename(`${directory}/made`, `${directory}/moved here`);
  await Deno.symlink("moved here/bin/nixbox", `${directory}/link`);
  const home = `${directory}/home`;
  await Deno.mkdir(home);
  const env = { NIXBOX_DENO: Deno.execPath(), HOME: home, XDG_STATE_HOME: "" };
  const nixbox = (...words: string[]) => run([`${directory}/link`, ...words], { cwd: home, env });
  assert.match((await nixbox("--version")).stdout, /^nixbox /);
  assert.equal((await nixbox("status")).stdout, "no machine is up\n");
  assert.match((await nixbox("init")).stdout, /config\.nix/);
  const shared = await Deno.readTextFile(`${directory}/moved here/share/nixbox/flake.nix`);
  assert.match(shared, /nixosConfigurations/);
  // What a plugin's command in TypeScript does.
  const module = `${directory}/command.ts`;
  await Deno.writeTextFile(
    module,
    'import { openProject } from "nixbox"; console.log(typeof openProject);',
  );
  const settings = `--config=${directory}/moved here/share/nixbox/deno.json`;
  const argv = [Deno.execPath(), "run", "--quiet", "--no-lock", "--allow-all", settings, module];
  assert.equal((await run(argv)).stdout, "function\n");
  // What the process is started with that stays beside a machine.
  await Deno.writeTextFile(`${directory}/main.ts`, 'throw new Error("not mine");');
  const own = await ownCommand(`${directory}/moved here/lib`);
  assert.match((await run([...own, "--version"], { cwd: "/" })).stdout, /^nixbox /);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("the source tree starts itself by its main.ts; half an installation is told", async () => {
  const own = await ownCommand();
  assert.equal(own.at(-1), `${root}/main.ts`);
  assert.match((await run([...own, "--version"], { cwd: "/" })).stdout, /^nixbox /);
  const nowhere = await Deno.makeTempDir();
  await assert.rejects(ownCommand(nowhere), /lacks its main program/);
});
