import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "../e2e/support/machine.ts";
import { assertNothingLeft } from "../e2e/support/traces.ts";
import { flakeSources, lockStandIns } from "./support/stand_in.ts";

const features = ["--extra-experimental-features", "nix-command flakes"];

/** Builds the program with the real nix; `build` is more words for `nix build`. */
async function buildPackage(directory: string, ...build: string[]): Promise<string> {
  const argv = ["nix", "build", "--no-link", "--print-out-paths", "--no-update-lock-file"];
  const { stdout } = await run([...argv, ...features, ...build, "path:.#nixbox"], {
    cwd: directory,
  });
  return stdout.trim();
}

Deno.test("nix builds the program, and the program boots a machine", async (t) => {
  const directory = await flakeSources();
  let built = "";
  await t.step("npm's packages have the hash that nix/npm-packages.nix says", async () => {
    // A wrong one is an error of Nix's that tells the right one.
    built = await buildPackage(directory);
    assert.match(built, /^\/nix\/store\/[a-z0-9]{32}-nixbox-\d/);
  });
  await t.step("another build gives the same bytes", async () => {
    await buildPackage(directory, "--rebuild");
  });
  await t.step("completions and the manual page are where shells and man look", async () => {
    for (
      const file of [
        "share/bash-completion/completions/nixbox.bash",
        "share/zsh/site-functions/_nixbox",
        "share/fish/vendor_completions.d/nixbox.fish",
        "share/man/man1/nixbox.1",
      ]
    ) {
      assert.ok((await Deno.stat(`${built}/${file}`)).size > 500, file);
    }
  });
  await t.step("it brings its tools and its deno, and says its version", async () => {
    const wrapper = await Deno.readTextFile(`${built}/bin/nixbox`);
    for (const tool of ["e2fsprogs", "openssh", "dnsmasq", "nftables", "iproute2", "virtiofsd"]) {
      assert.ok(wrapper.includes(`-${tool}/bin`), tool);
    }
    const { stdout } = await run([`${built}/bin/nixbox`, "--version"]);
    assert.match(stdout, /^nixbox \d/);
  });
  await t.step(
    "it builds a machine from its read-only files, boots it, stops it",
    async () => {
      await using project = await TestProject.make('user = "dev";');
      await lockStandIns(`${project.directory}/.nixbox`);
      const call = (...words: string[]) =>
        run([`${built}/bin/nixbox`, ...words], { cwd: project.directory, accept: "any" });
      assert.equal((await call("trust", "--yes")).code, 0);
      const up = await call("up");
      assert.equal(up.code, 0, up.stderr);
      assert.equal(
        (await call("run", "--", "echo", "from the package")).stdout,
        "from the package\n",
      );
      assert.equal((await call("down")).code, 0);
      await assertNothingLeft();
    },
  );
  await Deno.remove(directory, { recursive: true });
});
