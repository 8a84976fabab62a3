import { deepStrictEqual as assertEquals, rejects } from "node:assert/strict";
import { moduleClosure } from "../../../lib/build/closure.ts";
import { withTree } from "./tree.ts";

/** Paths of the closure of modules, relative to the tree's root; links with their target. */
async function closureOf(root: string, modules: readonly string[]): Promise<string[]> {
  const entries = await moduleClosure(modules.map((path) => `${root}/${path}`), {
    configDirectory: `${root}/p/.nixbox`,
  });
  const relative = (path: string) => path.slice(root.length + 1);
  return entries.map(({ path, linkTarget }) =>
    linkTarget === undefined ? relative(path) : `${relative(path)} -> ${relative(linkTarget)}`
  );
}

Deno.test("a module brings what it imports and reads, and what that imports", () =>
  withTree({
    "p/.nixbox/guest.nix": "{ imports = [ ./more ../../shared/base.nix ]; }",
    "p/.nixbox/more/default.nix": "{ x = builtins.readFile ./motd; }",
    "p/.nixbox/more/motd": "./not-nix.nix",
    "shared/base.nix": "{ imports = [ ./base.nix ]; }",
    "shared/other.nix": "{ }",
    "p/.nixbox/config.nix": "{ }",
  }, async (root) => {
    assertEquals(await closureOf(root, ["p/.nixbox/guest.nix"]), [
      "p/.nixbox/guest.nix",
      "p/.nixbox/more/default.nix",
      "p/.nixbox/more/motd",
      "shared/base.nix",
    ]);
  }));

Deno.test("a shell line in a module's string brings nothing", () =>
  withTree({ "p/.nixbox/g.nix": "{ x = ''cd ../.. && ./run''; }", "p/run": "" }, async (root) => {
    assertEquals(await closureOf(root, ["p/.nixbox/g.nix"]), ["p/.nixbox/g.nix"]);
  }));

Deno.test("of a path that is computed, the directory before that counts, but never the module's own", () =>
  withTree({
    "p/.nixbox/g.nix": 'let n = "a"; in [ ./parts/${n}.nix ./${n}.nix ../${n} ]',
    "p/.nixbox/parts/a.nix": "",
    "p/.nixbox/parts/b.nix": "",
    "p/.nixbox/other.nix": "",
  }, async (root) => {
    assertEquals(await closureOf(root, ["p/.nixbox/g.nix"]), [
      "p/.nixbox/g.nix",
      "p/.nixbox/parts/a.nix",
      "p/.nixbox/parts/b.nix",
    ]);
  }));

Deno.test("symlinks are kept and followed, in circles too", () =>
  withTree({
    "p/.nixbox/g.nix": { link: "../../dotfiles/g.nix" },
    "dotfiles/g.nix": "[ ./loop ./dir ]",
    "dotfiles/loop": { link: "loop" },
    "dotfiles/dir": { link: "real" },
    "dotfiles/real/default.nix": "",
  }, async (root) => {
    assertEquals(await closureOf(root, ["p/.nixbox/g.nix"]), [
      "dotfiles/dir -> dotfiles/real",
      "dotfiles/g.nix",
      "dotfiles/loop -> dotfiles/loop",
      "dotfiles/real/default.nix",
      "p/.nixbox/g.nix -> dotfiles/g.nix",
    ]);
  }));

Deno.test("a project's private keys never come along, though all of .nixbox is named", () =>
  withTree({
    "p/.nixbox/g.nix": "[ ./. ./ssh/login_ed25519 ]",
    "p/.nixbox/ssh/login_ed25519": "private",
    "p/.nixbox/more.nix": "",
  }, async (root) => {
    assertEquals(await closureOf(root, ["p/.nixbox/g.nix"]), [
      "p/.nixbox/g.nix",
      "p/.nixbox/more.nix",
    ]);
  }));

Deno.test("a key directory that is a symlink is not followed either", () =>
  withTree({
    "p/.nixbox/g.nix": "[ ./. ./alias ]",
    "p/.nixbox/ssh": { link: "../../keys" },
    "p/.nixbox/alias": { link: "ssh/login_ed25519" },
    "keys/login_ed25519": "private",
  }, async (root) => {
    assertEquals(await closureOf(root, ["p/.nixbox/g.nix"]), [
      "p/.nixbox/alias -> p/.nixbox/ssh/login_ed25519",
      "p/.nixbox/g.nix",
    ]);
  }));

Deno.test("a module that takes in the whole project, or what holds it, is refused by name", () =>
  withTree({ "p/.nixbox/g.nix": "[ ../. ]", "p/.nixbox/h.nix": "[ ../.. ]" }, async (root) => {
    for (const module of ["g.nix", "h.nix"]) {
      const file = `p/.nixbox/${module}`;
      await rejects(closureOf(root, [file]), {
        message: /holds \.nixbox/,
        where: `${root}/${file}`,
      });
    }
  }));

Deno.test("a directory with more files than any module needs is refused", () =>
  withTree({ "p/.nixbox/g.nix": "./d", "p/.nixbox/d/1": "", "p/.nixbox/d/2": "" }, async (root) => {
    const modules = [`${root}/p/.nixbox/g.nix`];
    const limits = { configDirectory: `${root}/p/.nixbox`, mostFiles: 2 };
    await rejects(moduleClosure(modules, limits), /more than 2 files/);
    await moduleClosure(modules, { ...limits, mostFiles: 3 });
  }));

Deno.test("a module that is missing is refused; a path in it that is missing is Nix's to judge", () =>
  withTree({ "p/.nixbox/g.nix": "./nowhere.nix" }, async (root) => {
    assertEquals(await closureOf(root, ["p/.nixbox/g.nix"]), ["p/.nixbox/g.nix"]);
    await rejects(closureOf(root, ["p/.nixbox/nowhere.nix"]), { where: "nix.modules" });
  }));
