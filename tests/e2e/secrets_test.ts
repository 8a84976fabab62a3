import assert from "node:assert/strict";
import fc from "fast-check";
import { run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";

/** Every value that a variable can have, and some that are hard on shells. */
function values(): Record<string, string> {
  const hard = [
    "",
    " ",
    "\n",
    "line one\nline two\n\n",
    'it\'s "quoted"',
    "$(touch /tmp/executed) `touch /tmp/executed` ${HOME} $HOME",
    "'; touch /tmp/executed; '",
    "\\\\ \\n \\",
    "ü 漢字 🦀 e\u0301",
    "=a=b==",
    "\t\r\u0001\u007f\u001b[31m",
    "-n",
    "!history %percent% #comment ~",
    "x".repeat(65_536),
    "'".repeat(1000),
  ];
  // deno-lint-ignore no-control-regex -- the one character that a variable cannot have
  const any = fc.string({ unit: "binary", maxLength: 60 }).filter((text) => !/\x00/.test(text));
  const generated = fc.sample(any, 60);
  const all = [...hard, ...generated].map((text, index) => [`VALUE_${index}`, text]);
  return Object.fromEntries(all);
}

/** What `env -0` printed, as far as it is ours. */
function parseEnv(text: string): Record<string, string> {
  return Object.fromEntries(
    text.split("\0").filter((pair) => pair.startsWith("VALUE_")).map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    }),
  );
}

Deno.test("any value of env survives, in every kind of shell", async (t) => {
  await using project = await TestProject.make(`
    env = builtins.fromJSON (builtins.readFile ./values.json);
    scripts = [ ./dump.sh ];
  `);
  const expected = values();
  const files = `${project.directory}/.nixbox`;
  await Deno.writeTextFile(`${files}/values.json`, JSON.stringify(expected));
  await Deno.writeTextFile(`${files}/dump.sh`, "#!/bin/sh\nenv -0 >/tmp/in-script\n");
  await project.mustUp();
  const check = async (...argv: string[]) => {
    const { code, stdout, stderr } = await project.run(...argv);
    assert.equal(code, 0, stderr);
    assert.deepEqual(parseEnv(stdout), expected);
  };
  await t.step("run, with words", () => check("env", "-0"));
  await t.step("run, with a line", () => check("env -0"));
  await t.step("a script", () => check("cat", "/tmp/in-script"));
  // Without what run itself has read.
  const clean = "env -i HOME=$HOME PATH=$PATH TERM=dumb";
  await t.step("a login shell", () => check(`${clean} bash -l -c 'env -0'`));
  await t.step("a POSIX login shell", () => check(`${clean} sh -l -c 'env -0'`));
  await t.step("an interactive shell", () => check(`${clean} bash -i -c 'env -0' 2>/dev/null`));
  await t.step("nixbox shell", async () => {
    const { stdout } = await project.call(["shell"], { stdin: "env -0\n" });
    assert.deepEqual(parseEnv(stdout), expected);
  });
  await t.step("a command by any SSH client, with ssh-config", async () => {
    const { stdout: config } = await project.call(["ssh-config"]);
    const file = await Deno.makeTempFile();
    await Deno.writeTextFile(file, config);
    const { stdout } = await run(["ssh", "-F", file, "nixbox-box", "env -0"]);
    assert.deepEqual(parseEnv(stdout), expected);
    await Deno.remove(file);
  });
  await t.step("nothing was executed", async () => {
    assert.equal((await project.run("ls /tmp/executed")).stdout, "");
  });
});

/** Made new each time, so that no file has it by chance. */
const mark = crypto.randomUUID();

const canaries = {
  LITERAL: `canary-literal-${mark}`,
  FILE: `canary-file-${mark}`,
  COMMAND: `canary-command-${mark}`,
  VARIABLE: `canary-variable-${mark}`,
};

/** Arguments of every process, as long as `isOver` is not said. */
async function sampleCommandLines(isOver: () => boolean): Promise<Set<string>> {
  const seen = new Set<string>();
  while (!isOver()) {
    for await (const { name } of Deno.readDir("/proc")) {
      if (!/^\d+$/.test(name)) continue;
      try {
        seen.add(await Deno.readTextFile(`/proc/${name}/cmdline`));
      } catch {
        // It has ended.
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  return seen;
}

/** Files with a canary in them, outside of where the test planted it. */
async function filesWithCanary(): Promise<string[]> {
  const places = ["/nix", "/root", "/home", "/run", "/tmp", "/dev/shm", "/var", "/etc", "/deno"];
  const { stdout } = await run(
    ["grep", "-rlsaF", mark, "--exclude-dir=planted", "--exclude-dir=.nixbox", ...places],
    { accept: "any", timeoutMs: 100_000 },
  );
  return stdout.split("\n").filter((line) => line !== "");
}

Deno.test("secrets are in no argument, no log, no store and no file of the host", async (t) => {
  const planted = "/var/tmp/planted";
  await Deno.mkdir(planted, { recursive: true });
  await Deno.writeTextFile(`${planted}/file`, `${canaries.FILE}\n`);
  await Deno.writeTextFile(`${planted}/command`, `#!/bin/sh\ncat ${planted}/for-command\n`);
  await Deno.chmod(`${planted}/command`, 0o755);
  await Deno.writeTextFile(`${planted}/for-command`, `${canaries.COMMAND}\n`);
  await using project = await TestProject.make(`
    env = {
      LITERAL = "${canaries.LITERAL}";
      FILE = { file = "${planted}/file"; };
      COMMAND = { command = [ "${planted}/command" ]; };
      VARIABLE = { fromEnv = "SECRET_OF_MINE"; };
    };
    hooks.post-up = [ "env" ];
  `);
  let isOver = false;
  const sampling = sampleCommandLines(() => isOver);
  const up = await project.call(["up", "--verbose", "--runner", "/lab/runner"], {
    env: { SECRET_OF_MINE: canaries.VARIABLE },
  });
  isOver = true;
  const lines = await sampling;
  assert.equal(up.code, 0, up.stderr);

  await t.step("the guest has them", async () => {
    const { stdout } = await project.run("sh", "-c", 'echo "$LITERAL $FILE $COMMAND $VARIABLE"');
    assert.equal(stdout, `${Object.values(canaries).join(" ")}\n`);
  });

  await t.step("no process was started with one", () => {
    assert.ok([...lines].some((line) => line.includes("microvm@nixbox")), "nothing was seen");
    assert.deepEqual([...lines].filter((line) => line.includes(mark)), []);
  });

  await t.step("nixbox told none, and hands none to hooks but what they have anyway", () => {
    const told = up.stderr.split("\n").filter((line) => line.includes(mark));
    assert.deepEqual(told.filter((line) => !line.includes("SECRET_OF_MINE=")), []);
  });

  await t.step("no file has one while the machine runs", async () => {
    assert.deepEqual(await filesWithCanary(), []);
  });

  await t.step("the search finds what is planted", async () => {
    await Deno.writeTextFile("/var/tmp/found", canaries.FILE);
    assert.deepEqual(await filesWithCanary(), ["/var/tmp/found"]);
    await Deno.remove("/var/tmp/found");
  });

  await t.step("in the guest only its user and root can read them", async () => {
    const find = `sudo grep -rlsaF ${mark} /run /tmp /home /etc /var --exclude-dir=workspace`;
    const { stdout } = await project.run(`${find} | xargs -r stat -c '%n %a %U' | sort`);
    assert.equal(stdout, "/run/nixbox/env 400 dev\n/run/nixbox/env.sh 400 dev\n");
  });

  await t.step("config shows where they come from, and no value", async () => {
    const { stdout } = await project.call(["config"]);
    assert.ok(!stdout.includes(mark), stdout);
    assert.deepEqual(JSON.parse(stdout).env.VARIABLE, { fromEnv: "SECRET_OF_MINE" });
  });

  await t.step("none stays after down", async () => {
    await project.down();
    assert.deepEqual(await filesWithCanary(), []);
  });

  await t.step("a source that fails stops up before anything is started", async () => {
    const { code, stderr } = await project.up();
    assert.equal(code, 1);
    assert.match(stderr, /env\.VARIABLE: the variable SECRET_OF_MINE is not set here/);
  });
  await Deno.remove(planted, { recursive: true });
});
