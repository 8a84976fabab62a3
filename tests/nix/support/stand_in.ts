import assert from "node:assert/strict";
import { run } from "../../../lib/host/process/run.ts";

/** Features that nixbox itself asks for on the command line. */
const features = ["--extra-experimental-features", "nix-command flakes"];

/**
 * Writes a project's flake.lock that points nixbox's own inputs at the stand-ins: what the real lock
 * does with revisions, it does with paths.
 */
export async function lockStandIns(configDirectory: string): Promise<void> {
  const root = new URL("../stand_in/", import.meta.url).pathname;
  const parent = await Deno.makeTempDir({ prefix: "nixbox-stand-in-" });
  const locked = async (name: string) => {
    // A copy: the tree under test may be on a file system that nix cannot hash in place.
    const path = `${parent}/${name}`;
    await run(["cp", "-R", `${root}${name}`, path]);
    const { stdout } = await run(["nix", "hash", "path", ...features, path]);
    return { type: "path", path, narHash: stdout.trim(), lastModified: 1 };
  };
  const lock = {
    nodes: {
      microvm: {
        inputs: { nixpkgs: ["nixpkgs"] },
        locked: await locked("microvm"),
        original: { owner: "microvm-nix", repo: "microvm.nix", type: "github" },
      },
      nixpkgs: {
        locked: await locked("nixpkgs"),
        original: { owner: "NixOS", ref: "nixos-unstable", repo: "nixpkgs", type: "github" },
      },
      root: { inputs: { microvm: "microvm", nixpkgs: "nixpkgs" } },
    },
    root: "root",
    version: 7,
  };
  await Deno.writeTextFile(`${configDirectory}/flake.lock`, JSON.stringify(lock));
}

/** A directory with what of the repository the flake is made of, and the stand-ins for its inputs. */
export async function flakeSources(): Promise<string> {
  const root = new URL("../../..", import.meta.url).pathname;
  // Not in /tmp, which may be in memory and small.
  const directory = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "nixbox-flake-" });
  const names = [
    ...["flake.nix", "nix", "cmd", "lib", "packaging", "main.ts", "mod.ts"],
    ...["deno.json", "deno.lock"],
  ];
  for (const name of names) await run(["cp", "-R", `${root}${name}`, directory]);
  await lockStandIns(directory);
  return directory;
}

/** nixbox's Nix files with inputs that can be renewed without a network: paths, to the stand-ins. */
export async function assetsWithPaths(): Promise<{ assets: string; inputs: string }> {
  const root = new URL("../../..", import.meta.url).pathname;
  const directory = await Deno.makeTempDir({ dir: "/var/tmp" });
  const inputs = `${directory}/inputs`;
  const assets = `${directory}/assets`;
  await Deno.mkdir(assets);
  await run(["cp", "-R", `${root}tests/nix/stand_in`, inputs]);
  for (const name of ["flake.nix", "nix"]) await run(["cp", "-R", `${root}${name}`, assets]);
  const flake = await Deno.readTextFile(`${assets}/flake.nix`);
  const changed = flake
    .replace(/"github:NixOS\/nixpkgs[^"]*"/, `"path:${inputs}/nixpkgs"`)
    .replace(/"github:microvm-nix\/microvm\.nix[^"]*"/, `"path:${inputs}/microvm"`);
  assert.equal(changed.match(/"path:/g)?.length, 2, flake);
  await Deno.writeTextFile(`${assets}/flake.nix`, changed);
  await run(["nix", "flake", "lock", `path:${assets}`, ...features]);
  return { assets, inputs };
}
