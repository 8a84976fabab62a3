import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import {
  ForeignRepository,
  homeSecret,
  hostState,
  marker,
  type RepositoryFiles,
} from "./support/foreign.ts";

const ran = `touch ${marker}`;
const script = { program: `#!/bin/sh\n${ran}\necho value\n` };
const config = (text: string): RepositoryFiles => ({
  ".nixbox/config.nix": `{ home, ... }: {\n${text}\n}\n`,
});
const own = await Deno.readTextFile("/src/flake.lock");

const derivation =
  'derivation { name = "x"; system = builtins.currentSystem; builder = "/bin/sh"; ' +
  `args = [ "-c" "${ran}; echo '{ }' > $out" ]; }`;

/** What a stranger puts into a repository, and what nixbox says before anything was accepted. */
const repositories: [string, RepositoryFiles, RegExp][] = [
  ["a hook", config(`hooks.pre-up = [ "${ran}" ];`), /runs on this host: pre-up hook: touch/],
  [
    "hooks of every event, by a script",
    {
      ...config('hooks = { pre-up = [ "../x" ]; post-up = [ "../x" ]; pre-down = [ "../x" ]; };'),
      "x": script,
    },
    /pre-down hook: \.\.\/x/,
  ],
  [
    "a command for a variable",
    { ...config('env.TOKEN.command = [ "./get" ];'), ".nixbox/get": script },
    /runs on this host: to get TOKEN: \.\/get/,
  ],
  [
    "the home as a share",
    config('mounts = [ { source = "~"; target = "/h"; } ];'),
    /shares: \/root at/,
  ],
  [
    "the home as a share, by a link",
    { ...config('mounts = [ { source = "data"; target = "/d"; } ];'), "data": { link: "/root" } },
    /shares: \/root at/,
  ],
  [
    "doors to the host and the LAN, and its own resolver",
    config(
      'network = { allowHost = [ 22 ]; allowPrivate = [ "10.0.0.0/8" ]; dns = [ "80.0.113.53" ]; };',
    ),
    /opens: this host's TCP port 22[^]*names are asked of 80\.0\.113\.53/,
  ],
  [
    "a plugin with commands and hooks",
    {
      ...config('plugins = [ "../tool" ];'),
      "tool/default.nix": `{ hooks.pre-up = [ "${ran}" ]; }`,
      "tool/commands/go": script,
    },
    /when you call them, the commands of .*tool/,
  ],
  [
    "a plugin by the name of a built-in one",
    {
      ...config("plugins = [ ./aws ];"),
      ".nixbox/aws/default.nix": "{ }",
      ".nixbox/aws/commands/login": script,
    },
    /the commands of .*aws/,
  ],
  [
    "a module that takes another hypervisor",
    {
      ...config("nix.modules = [ ./m.nix ];"),
      ".nixbox/m.nix": `{ microvm.qemu.package = ${derivation}; }`,
    },
    /builds on this host: NixOS module .*m\.nix/,
  ],
  [
    "a lock with somebody else's inputs",
    {
      ...config(""),
      ".nixbox/flake.lock": own.replace('"owner": "NixOS"', '"owner": "evil"'),
    },
    /takes other inputs: nixpkgs: github:evil\/nixpkgs/,
  ],
  [
    "a lock that leads to the network at once",
    {
      ...config(""),
      ".nixbox/flake.lock": JSON.stringify({
        version: 7,
        root: "root",
        nodes: {
          root: { inputs: { nixpkgs: "nixpkgs", microvm: "microvm" } },
          nixpkgs: { locked: { type: "tarball", url: "http://allowed.test/x.tar.gz" } },
          microvm: { locked: { type: "path", path: "/root" } },
        },
      }),
    },
    /takes other inputs: nixpkgs: tarball:http:\/\/allowed\.test/,
  ],
  [
    "keys in git",
    { ...config(""), ".nixbox/ssh/login_ed25519": "key", ".nixbox/ssh/login_ed25519.pub": "key" },
    /git tracks this project's keys/,
  ],
  [
    "a build while it evaluates",
    config(`name = "\${import (${derivation})}";`),
    /does not evaluate/,
  ],
  [
    "a download",
    config('name = builtins.readFile (builtins.fetchurl "http://allowed.test/");'),
    /does not evaluate: access to URI/,
  ],
  [
    "an archive, a repository, a flake, from the network",
    config(`name = toString [
      (builtins.tryEval (builtins.fetchTarball "http://allowed.test/x.tar.gz")).value
      (builtins.fetchGit "https://allowed.test/repo.git") ];`),
    /does not evaluate/,
  ],
  ["a flake", config('name = (builtins.getFlake "path:/root").x;'), /does not evaluate/],
  [
    "a tree",
    config('name = (builtins.fetchTree { type = "path"; path = "/root"; }).x;'),
    /does not evaluate/,
  ],
  [
    "the user's key, by text",
    config('env.KEY = builtins.readFile "${home}/.ssh/id_ed25519";'),
    /does not evaluate: access to absolute path/,
  ],
  [
    "the user's key, by a path",
    config("env.KEY = builtins.readFile ~/.ssh/id_ed25519;"),
    /does not evaluate/,
  ],
  [
    "the user's key, by a link",
    {
      ...config("env.KEY = builtins.readFile ./key;"),
      ".nixbox/key": { link: "/root/.ssh/id_ed25519" },
    },
    /does not evaluate/,
  ],
  [
    "the user's key, by way of the system",
    config('env.KEY = builtins.readFile "/proc/self/root/root/.ssh/id_ed25519";'),
    /does not evaluate/,
  ],
  [
    "the user's key in the Nix store",
    config('env.KEY = "${/. + home + "/.ssh"}";'),
    /does not evaluate/,
  ],
  [
    "the user's variables",
    config('env.KEY = builtins.getEnv "STRANGER_WANTS";'),
    /not accepted on this host/,
  ],
  [
    "secrets by their sources",
    config('env = { A.file = "~/.ssh/id_ed25519"; B.fromEnv = "STRANGER_WANTS"; };'),
    /takes secrets from: \/root\/\.ssh\/id_ed25519, as A[^]*your variable STRANGER_WANTS/,
  ],
  [
    "a config that is a link to somebody else's",
    { ".nixbox/config.nix": { link: "/root/elsewhere.nix" } },
    /not accepted|does not evaluate/,
  ],
  [
    "memory without end",
    config("name = toString (builtins.genList (x: builtins.genList (y: x + y) 1000000) 1000000);"),
    /does not evaluate/,
  ],
  [
    "escapes for the terminal",
    config('hooks.pre-up = [ "true \u001b[2J\u009b2J\u202e" ];'),
    /pre-up hook: true \\x1b\[2J/,
  ],
];

repositories.push(
  [
    "a hook that comes later",
    config(`hooks.pre-up = if builtins.currentTime > 1 then [ "${ran}" ] else [ ];`),
    /pre-up hook: touch/,
  ],
  [
    "a hook by way of a second evaluation",
    config(`env.X = "/nix/store/00000000000000000000000000000000-x";
      hooks.pre-up = if builtins.match ".*snapshots.*" (toString ./.) != null then [ "${ran}" ] else [ ];`),
    /nothing of a config is put into the store/,
  ],
  [
    "a file of the user's as a script of the guest",
    config('scripts = [ { path = "~/.ssh/id_ed25519"; optional = true; } ];'),
    /gives to the guest: \/root\/\.ssh\/id_ed25519/,
  ],
  [
    "the user's key by a plugin that is a link",
    {
      ...config(`plugins = if builtins.pathExists ../x.nix then [ ] else [ "../x.nix" ];
        hooks.pre-up = if builtins.pathExists ../x.nix then [ (builtins.readFile ../x.nix) ] else [ ];`),
      "x.nix": { link: "/root/.ssh/id_ed25519" },
    },
    /does not evaluate: access to absolute path/,
  ],
  [
    "the user's keys by a directory for modules",
    {
      ...config("nix.modules = [ ./mod.nix ./m ];"),
      ".nixbox/mod.nix": "{ }",
      ".nixbox/m": { link: "/root/.ssh" },
    },
    /NixOS module \/root\/\.ssh/,
  ],
  [
    "links with more .. than there are directories",
    {
      ...config(
        'env.KEY = builtins.readFile ./k; name = builtins.readFile (builtins.fetchurl "file://${toString ./.}/k");',
      ),
      ".nixbox/k": { link: `${"../".repeat(20)}root/.ssh/id_ed25519` },
    },
    /does not evaluate/,
  ],
  [
    "a switch that turns the sandbox off",
    config("env.KEY = builtins.readFile /proc/self/environ;"),
    /does not evaluate/,
  ],
);

/** Every command that reads a config. */
const commands: readonly (readonly string[])[] = [
  ["config", "--show-secrets"],
  ["up", "--runner", "/lab/runner"],
  ["build"],
];

/** All other ways in, tried in one repository that has everything. */
const moreCommands: readonly (readonly string[])[] = [
  ["up"],
  ["up", "--dry-run", "--runner", "/lab/runner"],
  ["up", "--no-build"],
  ["update"],
  ["plugins"],
  ["tool", "go"],
  ["aws", "login"],
  ["config", "--json"],
  ["trust", "--show"],
  ["trust", "--show", "--json"],
  ["trust"],
  ["trust", "--accept", "0".repeat(64)],
];

const harmless: readonly (readonly string[])[] = [
  ["status"],
  ["doctor"],
  ["down"],
  ["logs"],
  ["network", "status"],
  ["ssh-config"],
  ["run", "--", "true"],
  ["shell"],
  ["cp", "vm:/etc/hostname", "."],
  ["mount", ".:/x"],
  ["completions", "bash"],
  ["complete", "--", "tool", ""],
  ["--help"],
];

Deno.env.set("STRANGER_WANTS", homeSecret);
await Deno.mkdir("/root/.ssh", { recursive: true });
await Deno.writeTextFile("/root/.ssh/id_ed25519", homeSecret);
await Deno.writeTextFile("/root/elsewhere.nix", `{ hooks.pre-up = [ "${ran}" ]; }`);

function refusedWithoutTrace(
  { code, stdout, stderr }: { code: number; stdout: string; stderr: string },
  what: string,
): void {
  assert.equal(code, 1, `${what}: ${stdout}${stderr}`);
  for (const text of [stdout, stderr]) {
    assert.ok(!text.includes(homeSecret), what);
    // deno-lint-ignore no-control-regex -- these are what must not come
    assert.doesNotMatch(text, /[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/, what);
  }
}

for (const [what, files, says] of repositories) {
  Deno.test(`cloned: ${what}: nothing runs, is read or asks the network`, async () => {
    await using repository = await ForeignRepository.clone(files);
    const before = await hostState();
    for (const words of what.startsWith("memory") ? commands.slice(0, 1) : commands) {
      const finished = await repository.call(words);
      refusedWithoutTrace(finished, words.join(" "));
      assert.match(finished.stderr, says);
      assert.match(
        finished.stderr,
        /not accepted|does not evaluate|tracks|is not a plugin|the store/,
      );
    }
    assert.deepEqual(await hostState(), before);
  });
}

const everything: RepositoryFiles = {
  ...config(`plugins = [ ../tool ];
    hooks.pre-up = [ "./login.sh" "sh $NIXBOX_PROJECT/x.sh" ];
    env.TOKEN.command = [ "../get" "a b" ];
    scripts = [ ../guest.sh ];
    resources = { vcpus = 2; memoryMB = 1024; };`),
  ".nixbox/login.sh": script,
  "x.sh": script,
  "get": { program: '#!/bin/sh\necho "$PWD $NIXBOX_PROJECT $1"\n' },
  "guest.sh": { program: "#!/bin/sh\necho hello from the guest\n" },
  "tool/default.nix": "{ }",
  "tool/commands/go": { program: '#!/bin/sh\necho "went $NIXBOX_DIRECTORY $PWD"\n' },
};

Deno.test("cloned: no command is another way in, and what is accepted then does run", async (t) => {
  await using repository = await ForeignRepository.clone(everything);
  const { directory } = repository;
  const before = await hostState();
  for (const words of moreCommands) {
    await t.step(`before: ${words.join(" ")}`, async () => {
      refusedWithoutTrace(await repository.call(words), words.join(" "));
      refusedWithoutTrace(await repository.call(words, `${directory}/tool`), words.join(" "));
      assert.deepEqual(await hostState(), before);
    });
  }
  for (const words of harmless) {
    await t.step(`before, and of use without a config: ${words.join(" ")}`, async () => {
      await repository.call(words);
      assert.deepEqual(await hostState(), before);
    });
  }
  await t.step("a terminal: no is no", async () => {
    for (const answer of ["n\n", "\n", "\u0004"]) {
      const { code, stdout } = await repository.type(["config"], answer);
      assert.equal(code, 1);
      assert.match(stdout, /It asks for:[^]*pre-up hook[^]*May this host do what it says/);
      assert.deepEqual(await hostState(), before);
    }
  });
  await t.step("a terminal: yes goes on with what was asked for", async () => {
    const { code, stdout } = await repository.type(["config"], "y\n");
    assert.equal(code, 0, stdout);
    assert.match(stdout, /"pre-up"/);
    assert.equal((await repository.call(["config"])).code, 0);
  });
  await t.step("after: commands run from .nixbox, and know where the caller stands", async () => {
    const { stdout } = await repository.call(["tool", "go"], `${directory}/tool`);
    assert.equal(stdout, `went ${directory}/tool ${directory}/.nixbox\n`);
  });
  await t.step("after: up runs the hooks", async () => {
    const { code, stderr } = await repository.call(["up", "--runner", "/lab/runner"]);
    assert.equal(code, 0, stderr);
    await Deno.remove(marker);
    const { stdout } = await repository.call(["run", "printenv TOKEN"]);
    assert.equal(stdout, `${directory}/.nixbox ${directory} a b\n`);
  });
});

/** Changes of an accepted content that must be asked for again. */
const changes: readonly (readonly [string, (repository: ForeignRepository) => Promise<unknown>])[] =
  [
    ["the config", (r) => r.write(config('plugins = [ "../tool" ];'))],
    ["what it imports", (r) => r.write({ "shared.nix": '{ name = "y"; }' })],
    ["a hook's script in .nixbox", (r) => r.write({ ".nixbox/login.sh": script })],
    ["a hook's script in the workspace", (r) => r.write({ "x.sh": script })],
    ["a variable's command", (r) => r.write({ get: script })],
    ["a plugin's command", (r) => r.write({ "tool/commands/go": script })],
    ["a new command of a plugin", (r) => r.write({ "tool/commands/new": script })],
    ["a module", (r) => r.write({ "module.nix": "{ lib, ... }: { }" })],
    ["what a module imports", (r) => r.write({ "parts/a.nix": "{ lib, ... }: { }" })],
    ["a lock", (r) => r.write({ ".nixbox/flake.lock": own })],
    ["the executable bit", (r) => Deno.chmod(`${r.directory}/x.sh`, 0o644)],
    ["a link in a script's place", async (r) => {
      await Deno.rename(`${r.directory}/x.sh`, `${r.directory}/y.sh`);
      await Deno.symlink("y.sh", `${r.directory}/x.sh`);
    }],
    ["a directory that was prepared, by its name", async (r) => {
      await run(["cp", "-a", `${r.directory}/tool`, `${r.directory}/prepared`]);
      await Deno.writeTextFile(`${r.directory}/prepared/default.nix`, '{ name = "z"; }');
      await run(["touch", "-d", "2001-01-01", `${r.directory}/prepared/default.nix`]);
      await Deno.rename(`${r.directory}/tool`, `${r.directory}/old`);
      await Deno.rename(`${r.directory}/prepared`, `${r.directory}/tool`);
    }],
    ["a commit that arrives by a checkout", async (r) => {
      await r.push({ "shared.nix": '{ name = "evil"; }' });
      await r.git("fetch", "-q");
      await r.git("checkout", "-q", "origin/main");
    }],
    ["a link on the way", async (r) => {
      await Deno.rename(`${r.directory}/parts`, `${r.directory}/parts2`);
      await Deno.symlink("parts2", `${r.directory}/parts`);
    }],
    ["a project that was moved and then changed", async (r) => {
      await Deno.rename(r.directory, `${r.directory}-away`);
      await Deno.rename(`${r.directory}-away`, r.directory);
      await r.write({ "shared.nix": '{ name = "y"; }' });
    }],
  ];

const benign: RepositoryFiles = {
  ...config(`plugins = [ "../tool" ];
    name = (import ../shared.nix).name;
    nix.modules = [ "../module.nix" ];
    hooks.pre-up = [ "./login.sh" "sh $NIXBOX_PROJECT/x.sh" ];
    env.TOKEN.command = [ "../get" ];
    mounts = [ { source = "data"; target = "/data"; } ];
    scripts = [ ../guest.sh ];`),
  "shared.nix": '{ name = "benign"; }',
  "module.nix": "{ imports = [ ./parts/a.nix ]; }",
  "parts/a.nix": "{ }",
  ".nixbox/login.sh": { program: "#!/bin/sh\ntrue\n" },
  "x.sh": { program: "#!/bin/sh\ntrue\n" },
  "get": { program: "#!/bin/sh\necho value\n" },
  "guest.sh": { program: "#!/bin/sh\ntrue\n" },
  "tool/default.nix": "{ }",
  "tool/commands/go": { program: "#!/bin/sh\necho went\n" },
  "data/file": "",
};

Deno.test("an accepted content is asked for again after any change of it", async (t) => {
  await using accepted = await ForeignRepository.clone(benign);
  assert.equal((await accepted.call(["trust", "--yes"])).code, 0);
  for (const [what, change] of changes) {
    await t.step(what, async () => {
      await using repository = await ForeignRepository.clone(benign);
      const { code, stderr } = await repository.call(["config"]);
      assert.equal(code, 0, `another clone of what was accepted: ${stderr}`);
      await change(repository);
      for (const words of [["config"], ["tool", "go"]]) {
        refusedWithoutTrace(await repository.call(words), words.join(" "));
      }
      assert.equal((await run(["ls", marker], { accept: "any" })).stdout, "");
    });
  }
});

Deno.test("what is not part of a content changes as it likes", async (t) => {
  await using repository = await ForeignRepository.clone({
    ...config(`scripts = [ ./setup.sh ../guest.sh ];
      mounts = [ { source = ../data; target = "/data"; } ];`),
    ".nixbox/setup.sh": script,
    "guest.sh": script,
    "data/file": "",
  });
  const { directory } = repository;
  assert.equal((await repository.call(["trust", "--yes"])).code, 0);
  const allowed: readonly (readonly [string, () => Promise<unknown>])[] = [
    [
      "scripts that only the guest runs",
      () => repository.write({ ".nixbox/setup.sh": { program: "#!/bin/sh\n" }, "guest.sh": "x" }),
    ],
    ["what is shared", () => repository.write({ "data/file": "more", "data/new": "" })],
    ["the workspace", () => repository.write({ "src/main.c": "", "Makefile": "all:\n" })],
    ["times", () => run(["find", directory, "-exec", "touch", "{}", "+"])],
    ["what an editor leaves", () => repository.write({ ".nixbox/.config.nix.swp": "x" })],
    ["the project's own keys, which setup makes", () => repository.call(["setup"])],
    ["where it lies", async () => {
      await run(["cp", "-a", directory, `${directory}-2`]);
      const { code, stderr } = await repository.call(["config"], `${directory}-2`);
      assert.equal(code, 0, stderr);
    }],
  ];
  for (const [what, change] of allowed) {
    await t.step(what, async () => {
      await change();
      const { code, stderr } = await repository.call(["config"]);
      assert.equal(code, 0, stderr);
    });
  }
});

/** Contents that come to something else at another time or place. */
const later: readonly (readonly [
  string,
  RepositoryFiles,
  (repository: ForeignRepository) => Promise<unknown>,
])[] = [
  [
    "by what is in the Nix store",
    config(
      `hooks.pre-up = if builtins.pathExists /nix/store && builtins.readDir /nix/store ? later then [ "${ran}" ] else [ ];`,
    ),
    () => run(["mkdir", "-p", "/nix/store/later"]),
  ],
  [
    "by what nixbox writes itself",
    config(`hooks.pre-up = if builtins.pathExists ./plugins then [ "${ran}" ] else [ ];`),
    (r) => r.call(["plugin", "new", "mine"]),
  ],
  [
    "by the name of its directory",
    config(`hooks.pre-up = if baseNameOf (dirOf ./.) == "clone" then [ ] else [ "${ran}" ];`),
    (r) => r.move("work"),
  ],
  [
    "by where its parent is",
    config('mounts = [ { source = ".."; target = "/up"; } ];'),
    (r) => r.move("work/deep"),
  ],
  [
    "by a link that leads elsewhere",
    {
      ...config('mounts = [ { source = "data"; target = "/d"; readonly = true; } ];'),
      "data": { link: "/usr/share/doc" },
    },
    async (r) => {
      await Deno.remove(`${r.directory}/data`);
      await Deno.symlink("/usr/share/perl5", `${r.directory}/data`);
    },
  ],
];

for (const [what, files, change] of later) {
  Deno.test(`an accepted content that comes to something else ${what} is asked for again`, async () => {
    await using repository = await ForeignRepository.clone(files);
    assert.equal((await repository.call(["trust", "--yes"])).code, 0);
    await change(repository);
    const { code, stderr } = await repository.call(["up", "--runner", "/lab/runner"]);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /accepted/);
    assert.equal((await run(["ls", marker], { accept: "any" })).stdout, "");
  });
}

Deno.test("keys that come between the look and the yes are not accepted with it", async () => {
  await using repository = await ForeignRepository.clone(config(""));
  const { stdout } = await repository.call(["trust", "--show", "--json"]);
  const { hash } = JSON.parse(stdout);
  const ssh = `${repository.directory}/.nixbox/ssh`;
  await Deno.mkdir(ssh, { mode: 0o700 });
  for (const name of ["login", "host", "identity"]) {
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${ssh}/${name}_ed25519`]);
  }
  const { code, stderr } = await repository.call(["trust", "--accept", hash]);
  assert.equal(code, 1, stderr);
  assert.match((await repository.call(["config"])).stderr, /brings its own keys: .*login_ed25519/);
  assert.equal((await repository.call(["trust", "--yes"])).code, 0);
  assert.equal((await repository.call(["config"])).code, 0);
});

Deno.test("a hook that runs beside the guest names no file that the guest can write", async () => {
  await using repository = await ForeignRepository.clone({
    ...config('hooks.pre-down = [ "sh ../bye.sh" ];'),
    "bye.sh": "true\n",
  });
  assert.equal((await repository.call(["trust", "--yes"])).code, 0);
  const { code, stderr } = await repository.call(["up", "--runner", "/lab/runner"]);
  assert.equal(code, 1);
  assert.match(stderr, /the pre-down hook names .*bye\.sh, which the guest can write/);
});

Deno.test("what is used is what was looked at, however fast it is exchanged", async () => {
  await using repository = await ForeignRepository.clone(benign);
  const { directory } = repository;
  assert.equal((await repository.call(["trust", "--yes"])).code, 0);
  const swap = `cd '${directory}'; cp -a tool good; cp -a tool bad; ` +
    `printf '#!/bin/sh\\n${ran}\\n' >bad/commands/go; printf '{ name = "bad"; }' >bad/default.nix; ` +
    "while :; do mv tool t && mv bad tool && mv t bad; sleep 0.01; done";
  const swapping = new Deno.Command("sh", { args: ["-c", swap], stderr: "null" }).spawn();
  let answers = 0;
  try {
    for (let count = 0; count < 25; count++) {
      const { code, stdout } = await repository.call(count % 2 === 0 ? ["tool", "go"] : ["config"]);
      if (code === 0) answers++;
      assert.doesNotMatch(stdout, /"name": "bad"/);
      assert.equal((await run(["ls", marker], { accept: "any" })).stdout, "");
    }
  } finally {
    swapping.kill("SIGKILL");
    await swapping.status;
  }
  assert.ok(answers > 0, "the good one was there now and then");
});

Deno.test("trust accepts what its hash says and nothing else, and init what it wrote", async (t) => {
  await using repository = await ForeignRepository.clone(benign);
  await t.step("the hash of before is not the hash of now", async () => {
    await repository.write({ "x.sh": { program: "#!/bin/sh\necho 1\n" } });
    const { stderr } = await repository.call(["config"]);
    const hash = /--accept ([0-9a-f]{64})/.exec(stderr)?.[1] ?? "";
    await repository.write({ "x.sh": { program: "#!/bin/sh\necho 2\n" } });
    const other = await repository.call(["trust", "--accept", hash]);
    assert.equal(other.code, 1);
    assert.match(other.stderr, /it has changed/);
    assert.equal((await repository.call(["config"])).code, 1);
    await repository.write({ "x.sh": { program: "#!/bin/sh\necho 1\n" } });
    assert.equal((await repository.call(["trust", "--accept", hash])).code, 0);
    assert.equal((await repository.call(["config"])).code, 0);
  });
  await t.step("a hash that is not one is wrong use", async () => {
    assert.equal((await repository.call(["trust", "--accept", "abc"])).code, 2);
  });
  await t.step("the difference is to what was accepted", async () => {
    await repository.write({ "x.sh": { program: "#!/bin/sh\necho 3\n" } });
    const { code, stdout } = await repository.call(["trust", "--show"]);
    assert.equal(code, 1);
    assert.match(stdout, /^-echo 1\n\+echo 3$/m);
    assert.doesNotMatch(stdout, /shared\.nix/);
  });
  await t.step("init's own config is accepted, a stranger's beside it is not", async () => {
    await using empty = await ForeignRepository.clone({ "file": "" });
    assert.equal((await empty.call(["init"])).code, 0);
    const { code, stderr } = await empty.call(["config"]);
    assert.equal(code, 0, stderr);
    assert.equal((await empty.call(["plugin", "new", "mine"])).code, 0);
    assert.equal((await empty.call(["config"])).code, 0, "plugin new wrote that itself");
    await using laid = await ForeignRepository.clone({ ".nixbox/flake.lock": own });
    assert.equal((await laid.call(["init"])).code, 0);
    assert.equal((await laid.call(["config"])).code, 1);
  });
});

Deno.test("a trust state that cannot be read is not consent, and no command hangs on it", async (t) => {
  await using repository = await ForeignRepository.clone(config(""));
  assert.equal((await repository.call(["trust", "--yes"])).code, 0);
  const directory = "/root/.local/state/nixbox/trust/contents";
  const { stdout } = await repository.call(["trust", "--show", "--json"]);
  const file = `${directory}/${JSON.parse(stdout).hash}.json`;
  const kept = await Deno.readTextFile(file);
  const lures: readonly (readonly [string, string])[] = [
    ["garbage", "echo {>"],
    ["a pipe", "mkfifo"],
    ["a directory", "mkdir"],
    ["a link", "ln -s /etc/hostname"],
    ["huge", "truncate -s 1T"],
  ];
  for (const [what, command] of lures) {
    await t.step(what, async () => {
      await run(["rm", "-rf", file]);
      await run(["sh", "-c", `${command} ${file}`]);
      for (const words of [["config"], ["up", "--runner", "/lab/runner"], ["trust", "--show"]]) {
        const { code, stderr } = await repository.call(words);
        assert.equal(code, 1);
        assert.match(stderr, /trust\/contents[^]*help: it is part of the trust state[^]*`rm -rf/);
      }
    });
  }
  await run(["rm", "-rf", file]);
  assert.equal((await repository.call(["config"])).code, 1);
  await Deno.writeTextFile(file, kept);
  assert.equal((await repository.call(["config"])).code, 0);
});
