import assert from "node:assert/strict";
import { run } from "../../lib/host/process.ts";
import { makeBundle } from "../../lib/packaging/bundle.ts";

const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

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
  await Deno.remove(directory, { recursive: true });
});
