import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { flakeSources } from "./support/stand_in.ts";

const root = new URL("../..", import.meta.url).pathname;
const systems = ["x86_64-linux", "aarch64-linux", "aarch64-darwin"];

async function nix(directory: string, ...words: string[]): Promise<string> {
  const features = ["--extra-experimental-features", "nix-command flakes"];
  return (await run(["nix", ...words, "--no-update-lock-file", ...features], { cwd: directory }))
    .stdout;
}

const directory = await flakeSources();

Deno.test("nix flake show lists the same outputs for all three systems", async () => {
  const shown = JSON.parse(
    await nix(directory, "flake", "show", "--json", "--all-systems", "path:."),
  );
  for (const output of ["packages", "apps", "devShells", "checks", "formatter"]) {
    assert.deepEqual(Object.keys(shown[output]).sort(), systems.toSorted(), output);
  }
  for (const system of systems) {
    const names = Object.keys(shown.packages[system]).filter((name) => name !== "nixbox-compiled");
    assert.deepEqual(names, ["default", "nixbox", "vm-runner"]);
    assert.deepEqual(Object.keys(shown.checks[system]), ["guest", "nixbox"]);
    assert.equal(shown.packages[system].default.name, shown.packages[system].nixbox.name);
  }
  // Where nixpkgs keeps denort beside deno: in the stand-in, for one system.
  const compiled = systems.filter((system) => "nixbox-compiled" in shown.packages[system]);
  assert.deepEqual(compiled, ["aarch64-linux"]);
  assert.deepEqual(
    Object.keys(shown.nixosConfigurations).sort(),
    systems.map((system) => `nixbox-${system}`).sort(),
  );
  assert.deepEqual(Object.keys(shown.nixosModules), ["default", "guest"]);
  assert.deepEqual(Object.keys(shown.overlays), ["default"]);
  assert.equal(shown.templates.plugin.type, "template");
});

for (const system of systems) {
  Deno.test(`every output for ${system} evaluates to the last option`, async () => {
    const outputs = [
      ...["nixbox", "default", "vm-runner"].map((name) => `packages.${system}.${name}.drvPath`),
      ...["nixbox", "guest"].map((name) => `checks.${system}.${name}.drvPath`),
      `devShells.${system}.default.drvPath`,
      `formatter.${system}.drvPath`,
      `apps.${system}.default.program`,
      `nixosConfigurations.nixbox-${system}.config.system.build.toplevel.drvPath`,
      ...(system === "aarch64-linux" ? [`packages.${system}.nixbox-compiled.drvPath`] : []),
    ];
    for (const output of outputs) {
      assert.match(await nix(directory, "eval", "--raw", `path:.#${output}`), /^\/nix\/store\//);
    }
  });
}

Deno.test("a Mac's runner is made of the Mac's packages, its guest of Linux's", async () => {
  const apply =
    "c: { host = c.microvm.vmHostPackages.stdenv.hostPlatform.system; guest = c.nixpkgs.hostPlatform; }";
  const output = "path:.#nixosConfigurations.nixbox-aarch64-darwin.config";
  assert.deepEqual(JSON.parse(await nix(directory, "eval", "--json", output, "--apply", apply)), {
    host: "aarch64-darwin",
    guest: "aarch64-linux",
  });
});

Deno.test("the overlay adds the program to another's packages", async () => {
  const apply = `overlay:
    let
      flake = builtins.getFlake "path:${directory}";
      pkgs = flake.inputs.nixpkgs.legacyPackages.x86_64-linux;
    in
    (overlay pkgs pkgs).nixbox.drvPath`;
  const added = await nix(
    directory,
    "eval",
    "--impure",
    "--raw",
    "path:.#overlays.default",
    "--apply",
    apply,
  );
  const own = await nix(directory, "eval", "--raw", "path:.#packages.x86_64-linux.nixbox.drvPath");
  assert.equal(added, own);
});

Deno.test("another flake can use the guest as a module", async () => {
  const own = await Deno.makeTempDir({ dir: "/var/tmp" });
  await Deno.writeTextFile(
    `${own}/flake.nix`,
    `{
      inputs.nixbox.url = "path:${directory}";
      outputs = { nixbox, ... }: {
        nixosConfigurations.own = nixbox.inputs.nixpkgs.lib.nixosSystem {
          modules = [
            nixbox.inputs.microvm.nixosModules.microvm
            nixbox.nixosModules.guest
            { nixpkgs.hostPlatform = "x86_64-linux"; nixbox.user = "ada"; }
          ];
        };
      };
    }`,
  );
  const output = "path:.#nixosConfigurations.own.config.users.users.ada.uid";
  const features = ["--extra-experimental-features", "nix-command flakes"];
  const { stdout } = await run(["nix", "eval", output, ...features], { cwd: own });
  assert.equal(stdout.trim(), "1000");
});

Deno.test("nix flake init gives the plugin that `nixbox plugin new` writes", async () => {
  const fresh = await Deno.makeTempDir({ dir: "/var/tmp" });
  const features = ["--extra-experimental-features", "nix-command flakes"];
  await run(["nix", "flake", "init", "-t", `path:${directory}#plugin`, ...features], {
    cwd: fresh,
  });
  const files = await run(["find", ".", "-type", "f"], { cwd: fresh });
  assert.deepEqual(files.stdout.trim().split("\n").sort(), [
    "./commands/guest.ts",
    "./commands/hello",
    "./default.nix",
    "./scripts/setup.sh",
  ]);
});

Deno.test("the lock in the repository has every input of the flake, and no other", async () => {
  const lock = JSON.parse(await Deno.readTextFile(`${root}flake.lock`));
  assert.equal(lock.version, 7);
  assert.deepEqual(Object.keys(lock.nodes).sort(), ["microvm", "nixpkgs", "root", "spectrum"]);
  assert.deepEqual(lock.nodes.root.inputs, { microvm: "microvm", nixpkgs: "nixpkgs" });
  assert.deepEqual(lock.nodes.microvm.inputs, { nixpkgs: ["nixpkgs"], spectrum: "spectrum" });
});
