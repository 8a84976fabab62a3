import assert from "node:assert/strict";
import { findProject } from "../../lib/config/find.ts";
import type { Config } from "../../lib/config/config.ts";
import { detectHost } from "../../lib/host/detect.ts";
import { NixboxError } from "../../lib/base/error.ts";
import { examine } from "../../lib/lifecycle/trust/examine.ts";
import { Snapshot } from "../../lib/lifecycle/trust/snapshot.ts";

/** Resolves a config with the real nix; `files` lie beside it in `.nixbox`. */
async function load(
  text: string,
  files: Record<string, string> = {},
  name = `it's a "project"`,
): Promise<Config> {
  const parent = await Deno.makeTempDir();
  const directory = `${parent}/${name}`;
  try {
    await Deno.mkdir(`${directory}/.nixbox`, { recursive: true });
    for (const [file, content] of Object.entries({ ...files, "config.nix": text })) {
      const path = `${directory}/.nixbox/${file}`;
      await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
      await Deno.writeTextFile(path, content);
    }
    return await resolve(directory);
  } finally {
    await Deno.remove(parent, { recursive: true });
  }
}

/** Resolves the config of a project as nixbox does it, accepted or not. */
async function resolve(directory: string): Promise<Config> {
  const host = await detectHost();
  await using snapshot = await Snapshot.make(host);
  return (await examine(host, await findProject(host, directory), snapshot)).config;
}

async function refusal(text: string, files: Record<string, string> = {}): Promise<string> {
  try {
    await load(text, files);
  } catch (error) {
    if (error instanceof NixboxError) return [error.message, ...error.log].join("\n");
    throw error;
  }
  return assert.fail(`this config should have been refused: ${text}`);
}

const example = new URL("../../nix/example-config.nix", import.meta.url);

Deno.test("the example config that init writes comes to the defaults", async () => {
  const [shown, empty] = await Promise.all([load(await Deno.readTextFile(example)), load("{ }")]);
  const comparable = ({ mounts: _, resources: { vcpus }, ...rest }: Config) => ({ ...rest, vcpus });
  assert.deepEqual(comparable(shown), comparable(empty));
});

Deno.test("the example config with every line uncommented still resolves and checks", async () => {
  const text = await Deno.readTextFile(example);
  const uncommented = text.split("\n")
    .map((line) => /^ {2}# .*[;{}[\]]\s*(#.*)?$/.test(line) ? line.replace("# ", "") : line)
    .join("\n");
  const config = await load(uncommented, {
    "plugins/mine/default.nix": "{ }",
    "setup.sh": "",
    "extras.sh": "",
  });
  assert.equal(config.name, "my-project");
  assert.deepEqual(config.network.domains.slice(0, 2), ["nixos.org", "anthropic.com"]);
  assert.deepEqual(config.mounts.map(({ overlay }) => overlay), [false, false, true, false, false]);
  assert.deepEqual(config.mounts[3]?.only, ["settings.json"]);
  assert.deepEqual(config.mounts[4]?.protect, []);
});

Deno.test("defaults follow from the host and the directory", async () => {
  const config = await load("{ }", {}, "My Project_1");
  assert.equal(config.name, "my-project-1");
  assert.equal(config.resources.vcpus, Math.max(1, Math.floor(navigator.hardwareConcurrency / 2)));
  assert.ok(config.resources.memoryMB >= 256);
  assert.deepEqual(config.network, {
    mode: "open",
    domains: ["nixos.org"],
    ports: [80, 443],
    dns: [],
    inspect: true,
    allowHost: [],
    allowPrivate: [],
  });
  assert.equal(config.hypervisor, "auto");
  assert.equal(config.mounts.length, 1);
  assert.match(config.mounts[0]?.source ?? "", /\/My Project_1$/);
  assert.equal(config.mounts[0]?.target, "~/workspace");
});

Deno.test("lists concatenate in the order defaults, plugins, config, and lose doubles", async () => {
  const config = await load(
    `{
      plugins = [ ./one.nix "github" ./two ];
      network.domains = [ "example.org" "one.org" ];
      network.ports = [ 443 22 ];
      nix.packages = [ "c" "a" ];
      hooks.pre-up = [ "user" ];
    }`,
    {
      "one.nix": `{
        network.domains = [ "one.org" ];
        nix.packages = [ "a" ];
        hooks.pre-up = [ "one" ];
      }`,
      "two/default.nix": `{ user, ... }: {
        nix.packages = [ "b" ];
        hooks.pre-up = [ "two" "two" ];
      }`,
    },
  );
  assert.deepEqual(config.network.domains, [
    "nixos.org",
    "one.org",
    "github.com",
    "githubusercontent.com",
    "githubassets.com",
    "example.org",
  ]);
  assert.deepEqual(config.network.ports, [80, 443, 22]);
  assert.deepEqual(config.nix.packages, ["a", "b", "c"]);
  assert.deepEqual(config.hooks["pre-up"], ["one", "two", "two", "user"]);
  assert.deepEqual(config.plugins.map(({ name }) => name), ["one", "github", "two"]);
});

Deno.test("sets merge deeply and of scalars the later wins", async () => {
  const config = await load(
    `{ plugins = [ ./p.nix ]; resources.memoryMB = 2048; name = "mine"; }`,
    { "p.nix": `{ resources = { memoryMB = 512; vcpus = 3; }; name = "plugin"; }` },
  );
  assert.equal(config.resources.memoryMB, 2048);
  assert.equal(config.resources.vcpus, 3);
  assert.equal(config.name, "mine");
});

Deno.test("paths resolve against the file that names them, with spaces and quotes in them", async () => {
  const config = await load(
    `{
      plugins = [ "./a plug'in" ];
      scripts = [ ./own.sh { path = "sub dir/x.sh"; optional = true; } ];
      nix.modules = [ ./m.nix ];
      mounts = [ { source = "."; target = "~/w"; } { source = "../up"; target = "/up"; readonly = true; } ];
    }`,
    { "a plug'in/default.nix": `{ scripts = [ ./run.sh ]; }`, "own.sh": "", "m.nix": "{ }" },
  );
  const ends = (path: string | undefined, end: string) => assert.ok(path?.endsWith(end), path);
  assert.equal(config.scripts.length, 3);
  ends(config.scripts[0]?.path, `it's a "project"/.nixbox/a plug'in/run.sh`);
  ends(config.scripts[1]?.path, "/.nixbox/own.sh");
  ends(config.scripts[2]?.path, "/.nixbox/sub dir/x.sh");
  assert.deepEqual(config.scripts.map(({ optional }) => optional), [false, false, true]);
  ends(config.nix.modules[0], "/.nixbox/m.nix");
  ends(config.mounts[0]?.source, `/it's a "project"`);
  ends(config.mounts[1]?.source, "/up");
  assert.equal(config.mounts[1]?.readonly, true);
});

Deno.test("mounts add to the project's own, which is there once", async (t) => {
  const targets = async (mounts: string) =>
    (await load(`{ mounts = [ ${mounts} ]; }`)).mounts.map(({ target, readonly }) =>
      readonly ? `${target} (read-only)` : target
    );
  await t.step("another mount adds to it", async () => {
    assert.deepEqual(await targets('{ source = "/usr"; target = "/u"; }'), ["~/workspace", "/u"]);
  });
  await t.step("one of its source stands for it", async () => {
    assert.deepEqual(await targets('{ source = "."; target = "~/src"; }'), ["~/src"]);
  });
  await t.step("one on its target stands for it", async () => {
    const readonly = '{ source = "./src"; target = "~/workspace"; readonly = true; }';
    assert.deepEqual(await targets(readonly), ["~/workspace (read-only)"]);
  });
});

Deno.test("a plugin's mounts count from the project's directory, its scripts from its own", async () => {
  const config = await load('{ plugins = [ "./plugs/one.nix" ]; }', {
    "plugs/one.nix":
      '{ mounts = [ { source = "./cache"; target = "/cache"; } ]; scripts = [ "run.sh" ]; }',
  });
  assert.match(config.mounts[1]?.source ?? "", /\/it's a "project"\/cache$/);
  assert.match(config.scripts[0]?.path ?? "", /\/\.nixbox\/plugs\/run\.sh$/);
});

Deno.test("a config can be a function of what is known of the host", async () => {
  const config = await load(
    "{ system, user, home, ... }: { env = { SYSTEM = system; HOME_OF = home; HOST_USER = user; }; }",
  );
  const host = await detectHost();
  assert.deepEqual(config.env, {
    SYSTEM: host.nixSystem,
    HOME_OF: host.user.home,
    HOST_USER: host.user.name,
  });
});

Deno.test("values of env reach us byte for byte", async () => {
  const config = await load('{ env.A = "it\'s \\"q\\" \\${x}\\n\\tü"; }');
  assert.equal(config.env.A, 'it\'s "q" ${x}\n\tü');
});

const refused: readonly (readonly [string, string, RegExp, Record<string, string>?])[] = [
  ["a syntax error is Nix's own message", "{ name = ; }", /syntax error, unexpected/],
  ["a config that is not a set", "[ ]", /is not an attribute set/],
  ["a plugin that sets env, by name", "{ plugins = [ ./p.nix ]; }", /plugin "p" sets env/, {
    "p.nix": '{ env.A = "x"; }',
  }],
  [
    "a plugin that names plugins",
    "{ plugins = [ ./p.nix ]; }",
    /plugin "p" names plugins/,
    { "p.nix": '{ plugins = [ "github" ]; }' },
  ],
  [
    "a plugin that is not a set",
    "{ plugins = [ ./p ]; }",
    /plugin "p": .* is not an attribute set/,
    {
      "p/default.nix": "[ ]",
    },
  ],
  [
    "an error in a plugin, by its file",
    "{ plugins = [ ./p.nix ]; }",
    /undefined variable 'nope'(.|\n)*p\.nix/,
    { "p.nix": "{ name = nope; }" },
  ],
  ["an unknown plugin, with the known ones", '{ plugins = [ "nope" ]; }', /"nope".*github/s],
  [
    "an unknown key, with the nearest",
    "{ resource.vcpus = 2; }",
    /resource: there is no such key; did you mean resources\?/,
  ],
  [
    "an unknown key within a set",
    "{ network.domain = [ ]; }",
    /network\.domain: there is no such key; did you mean domains\?/,
  ],
  [
    "a wrong type",
    '{ resources.vcpus = "two"; }',
    /resources\.vcpus is "two": must be a whole number/,
  ],
  [
    "a number out of range",
    "{ resources.vcpus = 0; }",
    /resources\.vcpus is 0: must be from 1 to 256/,
  ],
  ["a bad name", '{ name = "My_Box"; }', /name is "My_Box": must be a host name/],
  [
    "a bad mode",
    '{ network.mode = "closed"; }',
    /network\.mode is "closed": must be one of open, filtered, off/,
  ],
  ["a bad domain", '{ network.domains = [ "a/b" ]; }', /network\.domains\[1\] is "a\/b": .*slash/],
  ["a port out of range", "{ network.ports = [ 70000 ]; }", /network\.ports\[2\] is 70000/],
  [
    "a relative target",
    '{ mounts = [ { source = "."; target = "x"; } ]; }',
    /mounts\[0\]\.target is "x"/,
  ],
  [
    "one target twice",
    '{ mounts = [ { source = "."; target = "/x"; } { source = "."; target = "/x/"; } ]; }',
    /mounts\[1\]\.target/,
  ],
  [
    "a variable that decides what runs",
    '{ env.LD_PRELOAD = "x"; }',
    /env\.LD_PRELOAD: must not be set/,
  ],
  ["a variable's bad name", '{ env."A-B" = "x"; }', /env\.A-B: must be a variable's name/],
];

for (const [claim, text, says, files] of refused) {
  Deno.test(`refused: ${claim}`, async () => {
    assert.match(await refusal(text, files), says);
  });
}

Deno.test("all problems of a config are told at once", async () => {
  const text = await refusal('{ name = "A"; resources.vcpus = 0; network.mode = "x"; }');
  assert.equal(text.split("\n").length, 3);
});

Deno.test("values of env are in no error", async () => {
  const text = await refusal('{ env.PATH = "secret-value"; name = "A"; }');
  assert.doesNotMatch(text, /secret-value/);
});

Deno.test("every built-in plugin resolves, and brings what it needs in mode filtered", async () => {
  const directory = new URL("../../nix/plugins/", import.meta.url);
  const names = (await Array.fromAsync(Deno.readDir(directory), ({ name }) => name))
    .map((name) => name.replace(/\.nix$/, "")).sort();
  assert.deepEqual(names, ["agent", "aws", "claude-code", "docker", "github", "scala-sbt"]);
  for (const name of names) {
    const config = await load(`{ plugins = [ "${name}" ]; }`);
    assert.ok(config.network.domains.length > 1, name);
    const { packages, modules } = config.nix;
    assert.ok(name === "github" || packages.length + modules.length > 0, name);
    assert.ok(config.mounts.slice(1).every(({ overlay }) => overlay), name);
  }
});

Deno.test("a built-in plugin hands over the files that it names, and no tokens or transcripts", async () => {
  const home = Deno.env.get("HOME") ?? "/";
  const made = [".claude", ".codex", ".gemini", ".config/opencode", ".local/share/opencode"]
    .map((name) => `${home}/${name}`);
  for (const path of made) await Deno.mkdir(path, { recursive: true });
  try {
    const config = '{ plugins = [ "claude-code" "agent" "scala-sbt" ]; }';
    const mounts = (await load(config)).mounts.slice(1);
    assert.equal(mounts.length, 4);
    const secret = /cred|auth|token|oauth|history|session|project|log|tmp/i;
    for (const { source, only } of mounts) {
      assert.ok(only !== undefined && only.length > 0, source);
      for (const name of only) assert.doesNotMatch(name, secret);
    }
  } finally {
    for (const path of made) await Deno.remove(path, { recursive: true });
  }
});

Deno.test("a plugin's shares are those that the host has", async () => {
  const home = Deno.env.get("HOME") ?? "/";
  await Deno.mkdir(`${home}/.gemini`);
  try {
    const { mounts } = await load('{ plugins = [ "agent" ]; }');
    assert.deepEqual(mounts.slice(1), [{
      source: `${home}/.gemini`,
      target: "~/.gemini",
      readonly: false,
      overlay: true,
      optional: true,
      only: ["GEMINI.md", "commands", "extensions", "settings.json"],
    }]);
  } finally {
    await Deno.remove(`${home}/.gemini`);
  }
});

Deno.test("a file that has a variable's value counts from the config, and is not read by Nix", async () => {
  const { env } = await load(`{
    env = { A.file = "./a b"; B.file = ../b; C.file = "~/c"; D.fromEnv = "D"; E = "plain"; };
  }`);
  assert.match(JSON.stringify(env["A"]), /\/\.nixbox\/a b"\}$/);
  assert.match(JSON.stringify(env["B"]), /project\\"\/b"\}$/);
  assert.deepEqual(env["C"], { file: `${Deno.env.get("HOME")}/c` });
  assert.deepEqual([env["D"], env["E"]], [{ fromEnv: "D" }, "plain"]);
});

Deno.test("a plugin that is named by text is found", async () => {
  const config = await load('{ plugins = [ ("./" + "p") "aws" ]; }', {
    "p/default.nix": '{ name = "by-text"; }',
  });
  assert.equal(config.name, "by-text");
  assert.match(config.plugins[0]?.path ?? "", /\.nixbox\/p\/default\.nix$/);
  assert.match(config.plugins[1]?.path ?? "", /nix\/plugins\/aws\/default\.nix$/);
});
