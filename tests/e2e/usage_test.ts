import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { nixboxArgv, TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ dir: "/var/tmp" });
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

const call = (cwd: string, ...words: string[]) =>
  run(nixboxArgv(...words), { cwd, accept: "any", timeoutMs: 60_000 });

const wrong: readonly (readonly [readonly string[], RegExp])[] = [
  [["statsu"], /did you mean `status`/],
  [["status", "--jsn"], /--jsn/],
  [["up", "--timeout", "0"], /not a number of seconds from 1 to 86400/],
  [["logs", "nothing"], /must be one of console, hypervisor/],
  [["run"], /at least 1 argument/],
  [["status", "--project"], /--project needs a value/],
];

for (const [words, says] of wrong) {
  Deno.test(`wrong use ends with 2 and says what is wrong: ${words.join(" ")}`, async () => {
    const { code, stderr } = await call("/var/tmp", ...words);
    assert.equal(code, 2, stderr);
    assert.match(stderr, says);
  });
}

Deno.test("--help of every command has an example, and --version is one line", async () => {
  const { stdout } = await call("/var/tmp", "--help");
  const names = [...stdout.matchAll(/^ {4}([a-z-]+) {2,}\w/gm)].map(([, name = ""]) => name);
  assert.ok(names.length >= 20, stdout);
  assert.match(stdout, /^USAGE\n {2}nixbox \[OPTIONS\] COMMAND \[ARGUMENTS\]\n\n/);
  const groups = [...stdout.matchAll(/^ {2}([a-z]+)$/gm)].map(([, group]) => group);
  assert.deepEqual(groups, ["machine", "files", "network", "project", "host"]);
  for (const name of names) {
    const help = await call("/var/tmp", name, "--help");
    assert.equal(help.code, 0);
    assert.match(help.stdout, /EXAMPLES\n {2}\S/, name);
  }
  assert.match((await call("/var/tmp", "--version")).stdout, /^nixbox \d+\.\d+\.\d+\n$/);
});

Deno.test("outside of a project, commands say how to make one", () =>
  inDirectory(async (directory) => {
    for (const name of ["up", "down", "shell", "logs", "config", "setup", "build"]) {
      const { code, stderr } = await call(directory, name);
      assert.equal(code, 1, name);
      assert.match(stderr, /belongs to no nixbox project.*nixbox init/s);
    }
    assert.equal((await call(directory, "status")).code, 0);
  }));

Deno.test("init writes a config that works, and never overwrites one", () =>
  inDirectory(async (directory) => {
    assert.equal((await call(directory, "init")).code, 0);
    const file = `${directory}/.nixbox/config.nix`;
    const written = await Deno.readTextFile(file);
    assert.equal((await call(directory, "config")).code, 0);
    const again = await call(directory, "init");
    assert.equal(again.code, 1);
    assert.match(again.stderr, /has a config already/);
    assert.equal(await Deno.readTextFile(file), written);
    assert.match(await Deno.readTextFile(`${directory}/.nixbox/.gitignore`), /ssh/);
  }));

Deno.test("setup prints one public key, the same each time", async () => {
  await using project = await TestProject.make();
  const first = await project.call(["setup"]);
  assert.match(first.stdout, /^ssh-ed25519 \S+ nixbox-box\n$/);
  assert.equal((await project.call(["setup"])).stdout, first.stdout);
});

Deno.test("config covers the values of env, unless it is asked not to", async () => {
  await using project = await TestProject.make('env.TOKEN = "canary";');
  assert.equal(JSON.parse((await project.call(["config"])).stdout).env.TOKEN, "***");
  const shown = await project.call(["config", "--show-secrets"]);
  assert.equal(JSON.parse(shown.stdout).env.TOKEN, "canary");
});

Deno.test("up --dry-run shows the plan without secrets, and changes nothing", async () => {
  await using project = await TestProject.make(
    'env.TOKEN = "canary"; hooks.pre-up = [ "touch ran" ];',
  );
  const { code, stdout, stderr } = await project.up("runner", "--dry-run");
  assert.equal(code, 0, stderr);
  assert.match(stdout, /table inet nixbox_s0/);
  assert.match(stdout, /as root\n {2}install -d -m 755 .*\/run\/nixbox\/slots\n/);
  assert.match(stdout, /\n {2}nft -f -\n/);
  assert.match(stdout, /TOKEN/);
  assert.doesNotMatch(stdout + stderr, /canary/);
  const json = JSON.parse((await project.up("runner", "--dry-run", "--json")).stdout);
  assert.equal(json.record.network.slot, 0);
  await assertNothingLeft();
  const names = await Array.fromAsync(Deno.readDir(project.directory), ({ name }) => name);
  assert.deepEqual(names, [".nixbox"]);
});

/** Where root's programs are looked for first. */
const rootsOwn = "/usr/local/sbin";

/** nixbox with other programs of root's before the host's; each is a shell script. */
async function withPrograms(
  project: TestProject,
  programs: Readonly<Record<string, string>>,
  ...words: string[]
) {
  for (const [name, script] of Object.entries(programs)) {
    await Deno.writeTextFile(`${rootsOwn}/${name}`, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const done = await project.call(words);
  for (const name of Object.keys(programs)) await Deno.remove(`${rootsOwn}/${name}`);
  return done;
}

const upArguments = ["up", "--runner", "/lab/runner"];

Deno.test("filtered without a dnsmasq that can fill sets is refused before anything starts", async () => {
  await using project = await TestProject.make(
    'network.mode = "filtered"; hooks.pre-up = [ "touch ran" ];',
  );
  const old = {
    dnsmasq: 'echo "Dnsmasq version 2.86  Copyright"; echo "options: no-nftset"',
  };
  const { code, stderr } = await withPrograms(project, old, ...upArguments);
  assert.equal(code, 1);
  assert.match(stderr, /needs dnsmasq with nftset; here is Dnsmasq version 2\.86\b/);
  assert.match((await withPrograms(project, old, "doctor")).stdout, /built without nftset/);
  await assertNothingLeft();
});

Deno.test("a kernel that lacks a module is told by up and doctor, with the command to load it", async () => {
  await using project = await TestProject.make('network.mode = "filtered";');
  // Refuses what the module brings, as the kernel does, and passes on the rest.
  const nft = {
    nft: `rules=$(cat)
      case $rules in *"ct count"*) echo "Error: Could not process rule: No such file" >&2; exit 1;; esac
      printf '%s\\n' "$rules" | exec /usr/sbin/nft "$@"`,
  };
  const { code, stderr } = await withPrograms(project, nft, ...upArguments);
  assert.equal(code, 1);
  assert.match(stderr, /the kernel lacks what the firewall needs: nft_connlimit/);
  assert.match(stderr, /sudo modprobe --all nft_connlimit/);
  const doctor = await withPrograms(project, nft, "doctor");
  assert.equal(doctor.code, 1);
  assert.match(doctor.stdout, /the kernel lacks nft_connlimit/);
  await assertNothingLeft();
});

Deno.test("an inspector that does not start undoes all, with its own words", async () => {
  await using project = await TestProject.make('network.mode = "filtered";');
  const broken = { haproxy: 'echo "cannot bind socket"; exit 1' };
  const { code, stderr } = await withPrograms(project, broken, ...upArguments);
  assert.equal(code, 1);
  assert.match(stderr, /the inspector .* did not start/);
  assert.match(stderr, /cannot bind socket/);
  await assertNothingLeft();
});

Deno.test("a share's directory that is not there is named before anything starts", async () => {
  await using project = await TestProject.make(
    'mounts = [ { source = "/no/such"; target = "/x"; } ];',
  );
  const { code, stderr } = await project.up();
  assert.equal(code, 1);
  assert.match(stderr, /there is no directory \/no\/such to share/);
  await assertNothingLeft();
});

Deno.test("programs that are missing are all named, with the command that installs them", async () => {
  await using project = await TestProject.make();
  // /usr/bin without nix: what stays is reached by links.
  const path = await Deno.makeTempDir({ dir: "/var/tmp" });
  for await (const { name } of Deno.readDir("/usr/bin")) {
    if (!name.startsWith("nix")) await Deno.symlink(`/usr/bin/${name}`, `${path}/${name}`);
  }
  await Deno.symlink("/usr/local/bin/deno", `${path}/deno`);
  const { code, stderr } = await project.call(["up"], { env: { PATH: path } });
  assert.equal(code, 1);
  assert.match(stderr, /nix is not installed/);
  assert.match(stderr, /apt install nix-bin/);
  await Deno.remove(path, { recursive: true });
});

Deno.test("doctor is content with the lab, and says why KVM is not used", async () => {
  const { code, stdout } = await call("/var/tmp", "doctor");
  assert.equal(code, 0, stdout);
  assert.match(stdout, /ok\s+virtiofsd/);
  const { checks } = JSON.parse((await call("/var/tmp", "doctor", "--json")).stdout);
  assert.ok(checks.every(({ state }: { state: string }) => state !== "missing"));
});

Deno.test("completion proposes commands, options and values, and the scripts load", async () => {
  const propose = async (...words: string[]) =>
    (await call("/var/tmp", "complete", "--", ...words)).stdout.split("\n").map((line) =>
      line.split("\t")[0]
    );
  assert.ok((await propose("st")).includes("status"));
  assert.ok((await propose("up", "--dr")).includes("--dry-run"));
  assert.ok((await propose("logs", "hy")).includes("hypervisor"));
  const bash = await call("/var/tmp", "completions", "bash");
  await run(["bash", "-n"], { stdin: bash.stdout });
  for (const shell of ["zsh", "fish"]) {
    assert.match((await call("/var/tmp", "completions", shell)).stdout, /nixbox/);
  }
});
