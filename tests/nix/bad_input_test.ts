import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "../e2e/support/machine.ts";
import { lockStandIns } from "./support/stand_in.ts";

/** What a build of a config says that must fail. */
async function refusal(
  config: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  await using project = await TestProject.make(config, "it's a box");
  await lockStandIns(`${project.directory}/.nixbox`);
  for (const [name, text] of Object.entries(files)) {
    await Deno.writeTextFile(`${project.directory}/.nixbox/${name}`, text);
  }
  const { code, stderr } = await project.call(["build"], { env: { ...env } });
  assert.equal(code, 1, stderr);
  assert.doesNotMatch(stderr, /\/nix\/store\/[a-z0-9]+-source\/project\/files/);
  return stderr.replaceAll(project.directory, "PROJECT");
}

const packages: readonly (readonly [string, string, RegExp])[] = [
  ["one letter wrong names the right one", "helo", /no package "helo"; did you mean "hello"\?/],
  [
    "the beginning of a name names those that go on",
    "node",
    /did you mean "nodejs", "nodejs_22"\?/,
  ],
  [
    "a dotted path with a wrong end names its neighbour",
    "python3Packages.nunpy",
    /"python3Packages\.nunpy"; did you mean "python3Packages\.numpy"\?/,
  ],
  [
    "a dotted path below a package",
    "hello.bin.x",
    /no package "hello\.bin\.x"; search\.nixos\.org/,
  ],
  [
    "a set of packages",
    "python3Packages",
    /is a set of packages; name one of them: "python3Packages\.NAME"/,
  ],
  ["something that is not a package", "stdenv.hostPlatform.isLinux", /is not a package of nixpkgs/],
  ["nothing alike", "qqqqqqqqqqq", /no package "qqqqqqqqqqq"; search\.nixos\.org/],
];

for (const [what, name, says] of packages) {
  Deno.test(`nix.packages: ${what}`, async () => {
    const stderr = await refusal(`nix.packages = [ "${name}" ];`);
    assert.match(stderr, says);
    assert.match(stderr, /nix\.packages: /);
  });
}

Deno.test("a library that nixpkgs lacks is named with its key", async () => {
  assert.match(
    await refusal('nix.ldLibraries = [ "zlb" ];'),
    /nix\.ldLibraries: nixpkgs has no package "zlb"; did you mean "zlib"/,
  );
});

Deno.test("an unfree package is refused with the line that allows it, which then does", async () => {
  const stderr = await refusal('nix.packages = [ "claude-code" ];');
  assert.match(stderr, /unfree license/);
  const line = /names: (\{ lib, .*\})/.exec(stderr)?.[1] ?? "";
  await using project = await TestProject.make(
    'nix.packages = [ "claude-code" ]; nix.modules = [ ./allow.nix ];',
  );
  await lockStandIns(`${project.directory}/.nixbox`);
  await Deno.writeTextFile(`${project.directory}/.nixbox/allow.nix`, line);
  const { code, stderr: after } = await project.call(["build"]);
  assert.equal(code, 0, after);
});

const modules: readonly (readonly [string, string, RegExp])[] = [
  [
    "a syntax error is shown with its file and line",
    "{ lib, ... }:\n{\n  nixbox.user = ;\n}",
    /syntax error[^]*PROJECT\/\.nixbox\/guest\.nix:3:/,
  ],
  [
    "a throw is shown in its own words",
    '{ networking.hostName = throw "not today"; }',
    /not today/,
  ],
  [
    "an unknown option of nixbox leads to the list",
    "{ nixbox.disk = 1; }",
    /nixbox[^]*does not exist[^]*docs\/nix\.md/,
  ],
  [
    "an undefined variable is shown with its file and line",
    "{ networking.hostName = nobody; }",
    /undefined variable 'nobody'[^]*PROJECT\/\.nixbox\/guest\.nix:1:/,
  ],
];

for (const [what, text, says] of modules) {
  Deno.test(`a module with an error: ${what}`, async () => {
    const stderr = await refusal("nix.modules = [ ./guest.nix ];", { "guest.nix": text });
    assert.match(stderr, says);
  });
}

Deno.test("a lock that is not what it says, lacks an input, or is not a lock at all", async (t) => {
  await using project = await TestProject.make();
  const directory = `${project.directory}/.nixbox`;
  await lockStandIns(directory);
  const good = await Deno.readTextFile(`${directory}/flake.lock`);
  const build = async (lock: string) => {
    await Deno.writeTextFile(`${directory}/flake.lock`, lock);
    const { code, stderr } = await project.call(["build"]);
    assert.equal(code, 1);
    assert.equal(
      await Deno.readTextFile(`${directory}/flake.lock`),
      lock,
      "a build changes no lock",
    );
    return stderr;
  };
  await t.step("another hash", async () => {
    const lock = JSON.parse(good);
    lock.nodes.microvm.locked.narHash = "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    assert.match(await build(JSON.stringify(lock)), /narHash[^]*help: [^]*nixbox update/);
  });
  await t.step("an input is missing", async () => {
    const lock = JSON.parse(good);
    delete lock.nodes.root.inputs.microvm;
    delete lock.nodes.microvm;
    assert.match(
      await build(JSON.stringify(lock)),
      /the lock lacks the input microvm \(.*flake\.lock\)\nhelp: `nixbox update`/,
    );
  });
  await t.step("no JSON", async () => {
    assert.match(await build("{"), /not a lock file of Nix \(.*flake\.lock\)\nhelp: put back/);
  });
});

/** A directory with a nix that says it is another version. */
async function otherNix(version: string): Promise<string> {
  const directory = await Deno.makeTempDir();
  const script =
    `#!/bin/sh\n[ "$1" = --version ] && echo "nix (Nix) ${version}" && exit\nexec /usr/bin/nix "$@"\n`;
  await Deno.writeTextFile(`${directory}/nix`, script, { mode: 0o755 });
  return directory;
}

Deno.test("a Nix that is too old is refused before anything is built, and doctor says so", async () => {
  const path = `${await otherNix("2.8.0")}:${Deno.env.get("PATH")}`;
  assert.match(
    await refusal("", {}, { PATH: path }),
    /nix \(Nix\) 2\.8\.0 is too old: nixbox needs 2\.18[^]*help: install a newer one/,
  );
  await using project = await TestProject.make();
  const { stdout } = await project.call(["doctor"], { env: { PATH: path } });
  assert.match(stdout, /warning +nix version +nix \(Nix\) 2\.8\.0: builds need 2\.18/);
});

Deno.test("doctor looks at flakes, the binary cache and the store", async () => {
  await using project = await TestProject.make();
  const env = { NIX_CONFIG: "experimental-features =\nsubstituters =" };
  const { stdout } = await project.call(["doctor", "--json"], { env });
  const { checks } = JSON.parse(stdout);
  const check = (name: string) => checks.find((one: { name: string }) => one.name === name);
  assert.equal(check("flakes").state, "ok");
  assert.match(check("flakes").hint, /experimental-features = nix-command flakes/);
  assert.equal(check("binary cache").state, "warning");
  assert.match(check("nix store").detail, /GiB free/);
  const cached = {
    NIX_CONFIG: "experimental-features = flakes\nsubstituters = https://cache.test",
  };
  const after = JSON.parse((await project.call(["doctor", "--json"], { env: cached })).stdout);
  const state = (name: string) =>
    after.checks.find((one: { name: string }) => one.name === name).state;
  assert.deepEqual([state("flakes"), state("binary cache")], ["ok", "ok"]);
});

Deno.test("builds work though nix.conf knows nothing of flakes", async () => {
  await using project = await TestProject.make();
  await lockStandIns(`${project.directory}/.nixbox`);
  const env = { NIX_CONFIG: "experimental-features =" };
  const { code, stderr } = await project.call(["build"], { env });
  assert.equal(code, 0, stderr);
});

Deno.test("a store that is full is named, with what frees it", async () => {
  const store = await Deno.makeTempDir();
  await run(["mount", "-t", "tmpfs", "-o", "size=300k", "none", store]);
  try {
    const stderr = await refusal("", {}, { NIX_REMOTE: store });
    assert.match(stderr, /No space left on device[^]*nix store gc/);
  } finally {
    await run(["umount", store]);
  }
});
