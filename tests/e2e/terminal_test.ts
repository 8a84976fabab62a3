import assert from "node:assert/strict";
import { commands } from "../../cmd/commands.ts";
import { logNames } from "../../lib/lifecycle/machine/log_names.ts";
import { run } from "../../lib/host/process/run.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { nixboxArgv, TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

/** As printf of the guest's shell writes it: C0, C1, bidirectional and zero-width marks, separators, no UTF-8. */
const evil = [
  "\\033[2J\\033]0;title\\007\\033[31mred\\015over",
  "\\302\\233\\061m\\302\\205", // C1: CSI, NEL
  "\\342\\200\\256\\342\\201\\246\\342\\200\\213\\342\\200\\250\\357\\273\\277",
  "\\233\\377", // no UTF-8
].join("");

/** What must not reach a terminal: the same as text, or as bytes of no character. */
// deno-lint-ignore no-control-regex -- what this is about
const acting = /[\x00-\x08\x0b-\x1f\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/u;

/** nixbox' own: colours, and a line of progress that is taken away. What a terminal makes of a newline. */
// deno-lint-ignore no-control-regex -- what this is about
const own = /\x1b\[(?:1|2|22|3[1-9])m|\r\x1b\[2K|\r+\n/g;

function requireHarmless(text: string, what: string, allowed: RegExp = /(?!)/g): void {
  const rest = text.replaceAll(allowed, "");
  const found = acting.exec(rest);
  if (found === null) return;
  const around = rest.slice(Math.max(0, found.index - 80), found.index + 40);
  throw new Error(`${what}: ${JSON.stringify(found[0])} in ${JSON.stringify(around)}`);
}

/** A guest that answers everything with escapes: as root in it, over every program that nixbox calls there. */
const takeOver = `
set -u
evil() { printf '${evil}'; }
name=$(printf 'n${evil.replaceAll("\\015", "")}')
cd ~/workspace
mkdir -p "$name" && touch "$name/$name" plain
evil | sudo tee /dev/console >/dev/null
evil | sudo tee /dev/ttyS0 >/dev/null
for host in "$(printf 'a${evil}.evil.test')" other.test; do
  python3 - "$host" <<'END'
import socket, sys
name = sys.argv[1].encode("utf-8", "surrogateescape")[:60]
question = b"\\0\\1\\1\\0\\0\\1\\0\\0\\0\\0\\0\\0" + bytes([len(name)]) + name + b"\\0\\0\\1\\0\\1"
for line in open("/etc/resolv.conf"):
    if line.startswith("nameserver"):
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(question, (line.split()[1], 53))
END
done
getent hosts refused.test; curl -s -m 3 http://80.0.113.11/
printf '%s\\n' '#!/bin/sh' "printf '${evil}\\\\n' >&2" "printf '${evil}\\\\n'" 'exit 1' >/tmp/evil
chmod 755 /tmp/evil
for program in tar cat mount umount systemctl poweroff fuser findmnt; do
  at=$(command -v "$program") && sudo cp /tmp/evil "$at.new" && sudo mv "$at.new" "$at"
done
cp /bin/true ~/true 2>/dev/null
{ cat /tmp/evil 2>/dev/null; echo "printf '${evil}\\\\n' >&2"; } >~/.bashrc
sudo cp /tmp/evil /usr/bin/sudo.new; sudo mv /usr/bin/sudo.new /usr/bin/sudo
evil
`;

const evilName = "n\x1b[2J\u202e\u009b31m";

/** Every command, in the ways that show what a guest says; any exit code is an answer. */
const calls: readonly (readonly string[])[] = [
  ["status"],
  ["doctor"],
  ["up", "--runner", "/lab/runner"],
  ["up", "--dry-run", "--runner", "/lab/runner"],
  ["cp", "vm:workspace", "/var/tmp/copied"],
  ["cp", `vm:${evilName}`, "/var/tmp/copied"],
  ["cp", "vm:workspace/plain", "-"],
  ["cp", "/etc/hostname", `vm:/no/${evilName}/x`],
  ["mount", "/usr/share/doc:/mnt/doc:ro"],
  ["mount", `/usr/share/doc:/mnt/${evilName}:ro`],
  ["mount", "/usr/share/doc:/mnt/doc:ro", "--via", "sshfs"],
  ["unmount", "/mnt/doc"],
  ["unmount", `/mnt/${evilName}`],
  ["ssh-config"],
  ["network", "status"],
  ["network", "log"],
  ["network", "allow", `${evilName}.test`],
  ["network", "allow", "other.test"],
  ["network", "deny", "other.test"],
  ["config"],
  ["plugins"],
  ["plugin", "new", evilName],
  ["trust"],
  ["setup"],
  ["build"],
  ["update"],
  ["init"],
  ["completions", "bash"],
  ["complete", "--", evilName],
  ["internal-proxy", evilName],
  [evilName],
  ["logs", evilName],
];

/** `run` and `shell` give the guest's own streams: docs/security.md says so. */
const raw = ["run", "shell", "down", "logs"];

/** Calls nixbox on its own terminal, and gives what that was sent. */
async function onTerminal(project: TestProject, words: readonly string[]): Promise<string> {
  const quoted = [...nixboxArgv(), ...words].map((word) => `'${word.replaceAll("'", "'\\''")}'`);
  const argv = ["script", "-qec", quoted.join(" "), "/dev/null"];
  const { stdout } = await run(argv, {
    cwd: project.directory,
    accept: "any",
    stdin: "",
    timeoutMs: 120_000,
  });
  return stdout;
}

Deno.test("nothing that a guest says acts on the terminal, by any command, with --verbose, as JSON", async () => {
  await using project = await TestProject.make(
    'network = { mode = "filtered"; domains = [ "allowed.test" ]; }; scripts = [ ./hello.sh ];',
  );
  const script = `#!/bin/sh\nprintf '${evil}\\n'; printf '${evil}\\n' >&2\n`;
  await Deno.writeTextFile(`${project.directory}/.nixbox/hello.sh`, script);
  const up = await project.up();
  assert.equal(up.code, 0, up.stderr);
  requireHarmless(up.stderr, "up with a script that says it");
  const taken = await project.run(takeOver);
  assert.match(taken.stdout + taken.stderr, acting, "run is raw, so that this guest can be seen");
  const covered = new Set([...calls.map(([name]) => name), ...raw]);
  assert.deepEqual(Object.keys(commands).filter((name) => !covered.has(name)), []);
  for (const words of calls) {
    const what = words.join(" ");
    for (const more of [["--verbose"], ["--json"]]) {
      const { stdout, stderr } = await project.call([...more, ...words], { stdin: "" });
      requireHarmless(stderr, `${more} ${what}`);
      // A copy to stdout is data.
      if (words[0] !== "cp") requireHarmless(stdout, `${more} ${what}`);
    }
    requireHarmless(await onTerminal(project, ["--verbose", ...words]), `${what}, live`, own);
  }
  for (const name of logNames) {
    requireHarmless(await onTerminal(project, ["logs", name]), `logs ${name}`, own);
  }
  assert.match((await project.call(["logs", "console"])).stdout, acting, "into a pipe it is raw");
  for (const words of [["status"], ["network", "status"], ["doctor"], ["config"], ["plugins"]]) {
    const { stdout } = await project.call(["--json", ...words]);
    assert.doesNotThrow(() => JSON.parse(stdout), words.join(" "));
  }
  const refusals = (await project.call(["network", "log", "--json"])).stdout.trim().split("\n");
  for (const line of refusals) assert.equal(typeof JSON.parse(line).asked, "string");
  const down = await project.down();
  requireHarmless(down.stderr + down.stdout, "down");
  await assertNothingLeft();
});

Deno.test("nor what it has said last, when it has died or a script of its has failed", async () => {
  await using project = await TestProject.make("scripts = [ ./fail.sh ];");
  const text = `#!/bin/sh\nprintf '${evil}\\nerror: forged\\n' >&2; exit 3\n`;
  await Deno.writeTextFile(`${project.directory}/.nixbox/fail.sh`, text);
  for (const verbose of [[], ["--verbose"]]) {
    const failed = await project.call([...verbose, "up", "--runner", "/lab/runner"]);
    assert.equal(failed.code, 1);
    requireHarmless(failed.stderr, "up with a script that fails");
    assert.match(failed.stderr, /\\x1b\[2J/);
    const errors = failed.stderr.split("\n").filter((line) => line.startsWith("error: "));
    assert.equal(errors.length, 1, failed.stderr);
  }
  await Deno.writeTextFile(`${project.directory}/.nixbox/fail.sh`, "#!/bin/sh\n");
  await project.mustUp();
  await project.run(`printf '${evil}\\n' | sudo tee /dev/ttyS0 >/dev/null`);
  const hasCome = async () => acting.test((await project.call(["logs"])).stdout) || undefined;
  assert.ok(await waitFor(hasCome, { timeoutMs: 30_000 }));
  await run(["pkill", "-9", "-f", "[m]icrovm@nixbox"]);
  const dead = await project.call(["--verbose", "run", "--", "true"]);
  assert.equal(dead.code, 3, dead.stderr);
  requireHarmless(dead.stderr, "run on a dead machine");
  assert.match(dead.stderr, /\\x1b\[2J/);
  const status = await project.call(["--verbose", "doctor"]);
  requireHarmless(status.stderr + status.stdout, "doctor on a dead machine");
  assert.equal((await project.down()).code, 0);
});
