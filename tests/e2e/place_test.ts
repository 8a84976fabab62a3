import assert from "node:assert/strict";
import { run } from "../../lib/host/process/run.ts";
import { nixboxArgv, TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

/** As where a kernel lets no user make namespaces: root makes the machine's. */
const withoutNamespaces = [
  ...["deno", "run", "--quiet", "--no-prompt", "--cached-only", "--allow-all"],
  "/src/tests/stand_in/no_user_namespaces.ts",
];

/** What a hypervisor that a guest has broken would try; each line is what was tried and came off. */
const attacks = `
try() { what=$1; shift; if "$@" >/dev/null 2>&1; then echo "$what"; fi; }
try "reads a file of the user's" cat "$HOME_OF_USER/secret"
try "reads the project" ls "$PROJECT"
try "reads the record" ls "$STATE/machines"
try "reads what was accepted" ls "$STATE/projects/$ID/accepted"
try "writes what is accepted" touch "$STATE/projects/$ID/accepted"
try "reads the guest's secrets again" sh -c 'ls "$SECRETS"/*'
try "reads the logs" ls "$STATE/projects/$ID/logs/ssh.log"
try "reads the machine's key" cat "$RUNTIME/ssh_key"
try "reaches the ssh connection" ls "$RUNTIME/ssh"
try "changes its own script" sh -c "echo >>'$RUNTIME/microvm-run'"
try "reads /etc/passwd" cat /etc/passwd
try "reads /root" ls /root/.ssh
try "sees more of a home" sh -c 'ls -A "$HOME_OF_USER" | grep -qv "^\\.local$"'
try "writes programs" touch /usr/made
try "makes files at the top" touch /made
try "sees other processes" sh -c 'set -- /proc/[0-9]*; [ $# -gt 6 ]'
try "reads another process" cat /proc/$PID_OF_TEST/environ
try "signals another process" kill -0 "$PID_OF_TEST"
try "mounts" mount -t tmpfs none /tmp
try "makes a device" mknod /tmp/sda b 8 0
try "leaves its root" chroot /tmp true
try "has a capability" sh -c '! grep -q "^CapEff:.0000000000000000$" /proc/self/status'
try "may get one" sh -c '! grep -q "^CapBnd:.0000000000000000$" /proc/self/status'
try "may get rights from a file" grep -q "^NoNewPrivs:.0$" /proc/self/status
try "reads a disk of the host" sh -c 'ls /dev/sd* /dev/vd* /dev/nvme*'
try "reads the kernel's messages" ls /dev/kmsg
try "sets the kernel" sh -c ': >>/proc/sys/kernel/core_pattern'
try "sees the user's shared memory" perl -e "exit !defined shmget($SHARED_MEMORY, 1, 0)"
# What it needs, so that a test that reaches nothing at all fails.
try "sees its disks" test -w "$STATE/projects/$ID/disks"
try "sees its control socket" test -S "$RUNTIME/vmm/api.sock"
try "sees programs" test -x /usr/bin/env
try "has no way to make programs run" sh -c 'cp /usr/bin/env /tmp/env && ! /tmp/env'
true
`;

/** The key of memory that a program of each user's shares (shmget(2)). */
const sharedMemory = { root: 0x6e69, dev: 0x6e6a };

const expected = [
  ...["sees its disks", "sees its control socket", "sees programs"],
  "has no way to make programs run",
];

const hosts: readonly (readonly [string, "root" | "dev", boolean])[] = [
  ["root", "root", true],
  ["an ordinary user", "dev", true],
  ["an ordinary user, without user namespaces", "dev", false],
];

for (const [who, user, hasNamespaces] of hosts) {
  Deno.test(`nixbox run by ${who}: a hypervisor sees its own files and processes, and no others`, async (t) => {
    await using project = await TestProject.make('network.mode = "filtered";');
    const { directory } = project;
    const nixbox = user === "root" ? [] : ["as-dev"];
    const home = user === "root" ? "/root" : "/home/dev";
    const call = (...words: string[]) =>
      run([
        ...nixbox,
        ...(hasNamespaces ? nixboxArgv(...words) : [...withoutNamespaces, ...words]),
      ], { cwd: directory, accept: "any", timeoutMs: 120_000 });
    if (user === "dev") await run(["chown", "-R", "dev:dev", directory]);
    await Deno.writeTextFile(`${home}/secret`, "secret", { mode: 0o644 });
    if (user === "dev") await run(["chown", "dev:dev", `${home}/secret`]);
    const share = `defined shmget(${sharedMemory[user]}, 4096, 01600) or die`;
    await run([...nixbox, "perl", "-e", share]);
    assert.equal((await call("trust", "--yes")).code, 0);
    const up = await call("up", "--runner", "/lab/runner");
    assert.equal(up.code, 0, up.stderr);
    const [machine] = JSON.parse((await call("status", "--json")).stdout).machines;
    const record = JSON.parse(
      await Deno.readTextFile(`${home}/.local/state/nixbox/machines/${machine.id}.json`),
    );
    const status = await Deno.readTextFile(`/proc/${record.vmm.pid}/status`);

    await t.step("it is the user's, filtered, and has no capability", () => {
      const uid = user === "root" ? 0 : 1000;
      assert.match(status, new RegExp(`^Uid:\t${uid}\t${uid}\t`, "m"));
      assert.match(status, /^Seccomp:\t2$/m);
      assert.match(status, /^CapEff:\t0+$/m);
      assert.match(status, /^Name:\tqemu-system/m);
    });

    await t.step("what is not its own is out of its reach", async () => {
      // In each of its namespaces, with its rights.
      const enter = ["nsenter", `--target=${record.vmm.pid}`, "--all", "--root", "--"];
      const isMapped = user !== "root" && hasNamespaces;
      const become = isMapped || user === "root"
        ? []
        : ["--reuid=1000", "--regid=1000", "--clear-groups"];
      const { stdout } = await run([
        ...enter,
        ...["setpriv", ...become, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs", "--"],
        ...["sh", "-c", attacks],
      ], {
        env: {
          HOME_OF_USER: home,
          PROJECT: directory,
          STATE: `${home}/.local/state/nixbox`,
          RUNTIME: record.runtimeDirectory,
          SECRETS: record.secretsDirectory,
          ID: machine.id,
          PID_OF_TEST: `${Deno.pid}`,
          SHARED_MEMORY: `${sharedMemory[user]}`,
        },
      });
      assert.deepEqual(stdout.trim().split("\n"), expected);
    });

    await t.step("no server of shares sees more either", async () => {
      for (const { process } of record.servers) {
        const top = [...Deno.readDirSync(`/proc/${process.pid}/root`)].map(({ name }) => name);
        assert.ok(!top.includes("root") && !top.includes("var"), top.join(" "));
        const limits = await Deno.readTextFile(`/proc/${process.pid}/limits`);
        assert.match(limits, /^Max core file size +0 +0 /m);
        const seen = await Deno.readTextFile(`/proc/${process.pid}/status`);
        assert.match(seen, /^Seccomp:\t2$/m);
        assert.match(seen, /^NoNewPrivs:\t1$/m);
        for (const kind of ["pid", "ipc", "mnt"]) {
          const [its, own] = [process.pid, "self"].map((one) =>
            Deno.readLinkSync(`/proc/${one}/ns/${kind}`)
          );
          assert.notEqual(its, own, kind);
        }
        // By a directory outside of its root it would find all of the host's: openat(2) with "..".
        const held = [...Deno.readDirSync(`/proc/${process.pid}/fd`)]
          .map(({ name }) => Deno.readLinkSync(`/proc/${process.pid}/fd/${name}`))
          .filter((path) => /\/proc\/\d+\/fd$/.test(path));
        assert.ok(held.length > 0);
        for (const path of held) assert.match(path, /\.sock\.apart\/proc\//);
      }
    });

    await t.step("no link that it plants among its sockets leads a server elsewhere", async () => {
      await Deno.mkdir(`${directory}/planted`);
      const link = `${record.runtimeDirectory}/vmm/share${record.shares.length}.sock.pid`;
      await Deno.symlink(`${home}/secret`, link);
      assert.equal((await call("mount", "planted:/mnt/planted")).code, 1);
      assert.equal(await Deno.readTextFile(`${home}/secret`), "secret");
    });

    await t.step("a share comes and goes while it runs, and down ends all", async () => {
      await Deno.mkdir(`${directory}/more`);
      await Deno.writeTextFile(`${directory}/more/file`, "shared\n");
      if (user === "dev") await run(["chown", "-R", "dev:dev", `${directory}/more`]);
      const mounted = await call("mount", "more:/mnt/more");
      assert.equal(mounted.code, 0, mounted.stderr);
      const shown = await call("run", "--", "sh", "-c", "cat /mnt/more/file; touch /mnt/more/made");
      assert.equal(shown.stdout, "shared\n", shown.stderr);
      assert.equal((await Deno.stat(`${directory}/more/made`)).uid, user === "root" ? 0 : 1000);
      assert.equal((await call("unmount", "/mnt/more")).code, 0);
      const down = await call("down");
      assert.equal(down.code, 0, down.stderr);
      assert.doesNotMatch(down.stderr, /could not/);
      await assertNothingLeft();
    });
  });
}
