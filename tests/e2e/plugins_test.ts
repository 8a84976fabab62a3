import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { TestProject } from "./support/machine.ts";

const home = Deno.env.get("HOME") ?? "/root";

/** A directory of programs that stand before the host's on PATH. */
async function programs(scripts: Readonly<Record<string, string>>): Promise<string> {
  const directory = await Deno.makeTempDir({ dir: "/var/tmp" });
  for (const [name, text] of Object.entries(scripts)) {
    await Deno.writeTextFile(`${directory}/${name}`, text, { mode: 0o755 });
  }
  return directory;
}

Deno.test("a new plugin works as it is written", async (t) => {
  await using project = await TestProject.make();

  await t.step("plugin new writes it, and says how to use it", async () => {
    const { code, stdout, stderr } = await project.call(["plugin", "new", "mine"]);
    assert.equal(code, 0, stderr);
    assert.equal(stdout, `wrote ${project.directory}/.nixbox/plugins/mine\n`);
    assert.match(stderr, /plugins = \[ \.\/plugins\/mine \];/);
    assert.match((await project.call(["plugin", "new", "mine"])).stderr, /such a plugin already/);
    assert.match((await project.call(["plugin", "new", "status"])).stderr, /nixbox's own/);
    assert.match((await project.call(["plugin", "new", "aws"])).stderr, /nixbox's own/);
    assert.equal((await project.call(["plugin", "new", "../x"])).code, 2);
  });

  await project.configure("plugins = [ ./plugins/mine ];");

  await t.step("plugins lists it with its commands, beside those that are built in", async () => {
    const { stdout } = await project.call(["plugins"]);
    assert.match(stdout, /^mine \(in use\) {2}mine: what it brings/m);
    assert.match(stdout, /nixbox mine hello {2}says what a command knows/);
    for (const name of ["agent", "aws", "claude-code", "github", "scala-sbt"]) {
      assert.match(stdout, new RegExp(`^${name} {2}\\S`, "m"));
    }
    const { plugins } = JSON.parse((await project.call(["plugins", "--json"])).stdout);
    assert.equal(plugins.find((one: { name: string }) => one.name === "mine").commands.length, 2);
    assert.match((await project.call(["mine"])).stdout, /nixbox mine guest {2}\s*asks the machine/);
  });

  await t.step("its script runs in the guest, its commands on this host", async () => {
    const up = await project.up();
    assert.equal(up.code, 0, up.stderr);
    assert.match(up.stderr, /mine is set up on box/);
    const hello = await project.call(["mine", "hello"]);
    assert.match(hello.stdout, /machine box of .*\/box, plugin .*\/mine\nLinux box /);
    const guest = await project.call(["mine", "guest"]);
    assert.equal(guest.stdout, "the machine calls itself box\n", guest.stderr);
  });

  await t.step("words, stdin and exit code are the command's", async () => {
    const file = `${project.directory}/.nixbox/plugins/mine/commands/echo`;
    await Deno.writeTextFile(file, '#!/bin/sh\ncat; printf "[%s]" "$@"; pwd; exit 42\n');
    assert.match((await project.call(["mine", "echo"])).stderr, /is not executable[^]*chmod \+x/);
    await Deno.chmod(file, 0o755);
    const words = ["mine", "echo", "--json", "-p", "a b", "--", "--help", ""];
    const { code, stdout } = await project.call(words, { stdin: "in " });
    assert.equal(stdout, `in [--json][-p][a b][--][--help][]${project.directory}/.nixbox\n`);
    assert.equal(code, 42);
  });

  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["mine", "helo"], 2, /plugin mine has no command helo[^]*nixbox mine hello/],
    [["mine", "xyz"], 2, /it has: echo, guest, hello/],
    [
      ["aws", "login"],
      2,
      /aws is built in, and this config does not use it[^]*plugins = \[ "aws" \]/,
    ],
    [["statsu"], 2, /did you mean `status`/],
  ];
  for (const [words, expected, says] of wrong) {
    await t.step(`wrong: ${words.join(" ")}`, async () => {
      const { code, stderr } = await project.call(words);
      assert.equal(code, expected);
      assert.match(stderr, says);
    });
  }

  const badConfigs: readonly (readonly [string, RegExp])[] = [
    ["plugins = [ ./plugins/bad ];", /plugin "bad" sets env/],
    ['plugins = [ "awss" ];', /plugin "awss": there is no such plugin.*aws, claude-code/],
  ];
  await Deno.mkdir(`${project.directory}/.nixbox/plugins/bad`);
  await Deno.writeTextFile(
    `${project.directory}/.nixbox/plugins/bad/default.nix`,
    '{ env.A = ""; }',
  );
  for (const [config, says] of badConfigs) {
    await t.step(`wrong: ${config}`, async () => {
      await project.configure(config);
      const { code, stderr } = await project.call(["config"]);
      assert.equal(code, 1);
      assert.match(stderr, says);
    });
  }
});

Deno.test("claude-code: settings from the host, which the guest cannot change", async (t) => {
  await Deno.mkdir(`${home}/.claude/projects`, { recursive: true });
  await Deno.mkdir(`${home}/.claude/commands/deep`, { recursive: true });
  await Deno.writeTextFile(`${home}/.claude/commands/deep/one.md`, "one\n");
  await Deno.writeTextFile(`${home}/.claude/settings.json`, '{"hooks":{}}\n');
  await Deno.writeTextFile(`${home}/.claude/.credentials.json`, "canary-refresh-token\n");
  await Deno.writeTextFile(`${home}/.claude/projects/1.jsonl`, "canary-transcript\n");
  await Deno.writeTextFile(`${home}/.claude/history.jsonl`, "canary-history\n");
  const whole = { theme: "dark", projects: { "/x": "canary" }, oauthAccount: "canary" };
  await Deno.writeTextFile(`${home}/.claude.json`, JSON.stringify(whole));
  try {
    await using project = await TestProject.make('plugins = [ "claude-code" ];');
    await project.mustUp();
    await t.step("~/.claude is there, and what the guest writes stays in the guest", async () => {
      const all =
        "sudo grep -rl canary ~/.claude /run/nixbox/overlay; cd ~/.claude; find . -type f | sort";
      assert.equal((await project.run(all)).stdout, "./commands/deep/one.md\n./settings.json\n");
      const line = "cd ~/.claude; cat settings.json; echo evil >settings.json; " +
        "mkdir -p projects/x && echo session >projects/x/1; cat projects/x/1 settings.json";
      assert.equal((await project.run(line)).stdout, '{"hooks":{}}\nsession\nevil\n');
      assert.equal(await Deno.readTextFile(`${home}/.claude/settings.json`), '{"hooks":{}}\n');
      assert.equal(await exists(`${home}/.claude/projects/x`), false);
    });
    await t.step("sync-config hands ~/.claude.json over", async () => {
      const { code, stderr } = await project.call(["claude-code", "sync-config"]);
      assert.equal(code, 0, stderr);
      const { stdout } = await project.run("cat ~/.claude.json; stat -c %a ~/.claude.json");
      assert.equal(stdout, '{\n  "theme": "dark"\n}\n600\n');
    });
    await t.step("start runs claude where one stands", async () => {
      await project.run(
        "printf '#!/bin/sh\\necho claude \"$@\"; pwd\\n' | sudo tee /usr/local/bin/claude; sudo chmod +x /usr/local/bin/claude",
      );
      const { stdout, stderr } = await project.call(["claude-code", "start", "-p", "a b"]);
      assert.equal(stdout, "claude -p a b\n/home/dev/workspace\n", stderr);
    });
    await t.step("its packages, module and names are in the config", async () => {
      const config = JSON.parse((await project.call(["config"])).stdout);
      assert.deepEqual(config.nix.packages, ["claude-code"]);
      assert.match(config.nix.modules[0], /claude-code\/guest\.nix$/);
      assert.ok(config.network.domains.includes("anthropic.com"));
    });
  } finally {
    await Deno.remove(`${home}/.claude`, { recursive: true });
    await Deno.remove(`${home}/.claude.json`);
  }
});

/** Answers as the AWS CLI documents it: export-credentials, sso login, get region, STS and ECR. */
const fakeAws = `#!/bin/sh
echo "aws $*" >>/var/tmp/aws-calls
case "$*" in
  "configure export-credentials --format process --profile keys")
    echo '{"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "long"}' ;;
  "configure export-credentials --format process --profile "*)
    [ -e /var/tmp/aws-logged-in ] || { echo "expired" >&2; exit 253; }
    echo '{"Version": 1, "AccessKeyId": "ASIA", "SecretAccessKey": "se/cr+et==",
      "SessionToken": "canary=token==", "Expiration": "2030-01-01T00:00:00+00:00"}' ;;
  "sso login --profile "*) echo "browser opened"; touch /var/tmp/aws-logged-in ;;
  "configure get region --profile "*) echo eu-central-1 ;;
  "sts get-caller-identity "*) echo 123456789012 ;;
  "ecr get-login-password --region eu-central-1 --profile "*) echo canary-ecr-password ;;
  *) echo "unknown: $*" >&2; exit 252 ;;
esac
`;

Deno.test("aws login: SSO on the host, short-lived credentials over stdin, the registry too", async (t) => {
  await using project = await TestProject.make('plugins = [ "aws" ];');
  await project.mustUp();
  const bin = await programs({ aws: fakeAws });
  const env = { PATH: `${bin}:${Deno.env.get("PATH")}` };
  const docker = '#!/bin/sh\necho "$@" >>/tmp/docker; cat >>/tmp/docker\n';
  await project.call(["cp", "-", "vm:/tmp/fake"], { stdin: docker });
  await project.run("chmod +x /tmp/fake; sudo mv /tmp/fake /usr/local/bin/docker");

  await t.step("logs in where it must, and hands over what it got", async () => {
    const { code, stdout, stderr } = await project.call(["aws", "login", "work"], { env });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /browser opened/);
    assert.match(stderr, /credentials of work until 2030/);
    const file =
      (await project.run("cat ~/.aws/credentials; stat -c %a ~/.aws/credentials")).stdout;
    assert.match(
      file,
      /\[work\]\naws_access_key_id = ASIA\naws_secret_access_key = se\/cr\+et==\n/,
    );
    assert.match(file, /aws_session_token = canary=token==\n/);
    assert.match(file, /\n600\n$/);
    assert.match(
      (await project.run("cat ~/.aws/config")).stdout,
      /\[profile work\]\nregion = eu-central-1/,
    );
  });

  await t.step("the guest's docker is logged in to the account's registry", async () => {
    const { stdout } = await project.run("cat /tmp/docker");
    const registry = "123456789012.dkr.ecr.eu-central-1.amazonaws.com";
    assert.match(stdout, new RegExp(`^login --username AWS --password-stdin ${registry}\n`));
    assert.match(stdout, /canary-ecr-password/);
  });

  await t.step("no program was started with a secret", async () => {
    assert.doesNotMatch(await Deno.readTextFile("/var/tmp/aws-calls"), /canary/);
    const { stdout } = await project.run(
      "sudo journalctl 2>/dev/null | grep canary; head -1 /tmp/docker",
    );
    assert.doesNotMatch(stdout, /canary/);
  });

  await t.step("long-lived keys are not handed over", async () => {
    const { code, stderr } = await project.call(["aws", "login", "keys"], { env });
    assert.equal(code, 1);
    assert.match(stderr, /long-lived keys/);
  });

  await t.step("without an AWS CLI it says so", async () => {
    const { code, stderr } = await project.call(["aws", "login"]);
    assert.equal(code, 1);
    assert.match(stderr, /aws.* is not installed on this host/);
    assert.equal((await project.call(["aws", "login", "a\nb"])).code, 2);
  });
  await Deno.remove(bin, { recursive: true });
  await Deno.remove("/var/tmp/aws-calls");
  await Deno.remove("/var/tmp/aws-logged-in");
});

Deno.test("scala-sbt: caches as overlays, credentials from MAVEN_REPO_*; agent: what is there", async (t) => {
  await Deno.mkdir(`${home}/.cache/coursier/v1`, { recursive: true });
  await Deno.writeTextFile(`${home}/.cache/coursier/v1/a.jar`, "jar\n");
  await Deno.mkdir(`${home}/.codex`, { recursive: true });
  await Deno.writeTextFile(`${home}/.codex/config.toml`, "model = 1\n");
  try {
    await using project = await TestProject.make(`
      plugins = [ "scala-sbt" "agent" ];
      env = {
        MAVEN_REPO_URL = "https://repo.example.org:8443/maven";
        MAVEN_REPO_USER = "ann";
        MAVEN_REPO_PASSWORD = { fromEnv = "MAVEN_REPO_PASSWORD"; };
      };
    `);
    const up = await project.call(["up", "--runner", "/lab/runner"], {
      env: { MAVEN_REPO_PASSWORD: "p=a'ss %s" },
    });
    assert.equal(up.code, 0, up.stderr);
    await t.step("what is not on the host is not mounted", async () => {
      const { mounts } = JSON.parse((await project.call(["config"])).stdout);
      const targets = mounts.map(({ target }: { target: string }) => target);
      assert.deepEqual(targets, ["~/workspace", "~/.cache/coursier", "~/.codex"]);
    });
    await t.step("the cache is added to in the guest only", async () => {
      const line =
        "cat ~/.cache/coursier/v1/a.jar; echo evil >~/.cache/coursier/v1/a.jar; cat ~/.codex/config.toml";
      assert.equal((await project.run(line)).stdout, "jar\nmodel = 1\n");
      assert.equal(await Deno.readTextFile(`${home}/.cache/coursier/v1/a.jar`), "jar\n");
    });
    await t.step("sbt's and coursier's credentials are in place, for their user only", async () => {
      const { stdout } = await project.run(
        "cat ~/.sbt/.credentials ~/.config/coursier/credentials.properties; stat -c %a ~/.sbt/.credentials",
      );
      assert.match(stdout, /host=repo\.example\.org\nuser=ann\npassword=p=a'ss %s\n/);
      assert.match(
        stdout,
        /nixbox\.host=repo\.example\.org\nnixbox\.username=ann\nnixbox\.password=p=a'ss %s\n600\n/,
      );
      assert.match(up.stderr, /credentials for repo\.example\.org are in place/);
      assert.doesNotMatch(up.stderr, /a'ss/);
    });
  } finally {
    await Deno.remove(`${home}/.cache/coursier`, { recursive: true });
    await Deno.remove(`${home}/.codex`, { recursive: true });
  }
});
