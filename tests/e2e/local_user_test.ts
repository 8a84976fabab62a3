import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { run } from "../../lib/host/process/run.ts";
import {
  asNobody,
  AttackersProcess,
  cleanUp,
  nobody,
  projectOf,
  pwned,
  victims,
  wasPwned,
} from "./support/local_user.ts";
import { assertNothingLeft } from "./support/traces.ts";

/** What the attacker lays where a victim's sockets and secrets were, and where they are now. */
const squatting = `
printf '#!/bin/sh\\ntouch ${pwned}\\n' >/tmp/evil; chmod 755 /tmp/evil
for uid in 0 1000; do
  for directory in /tmp/nixbox-$uid /dev/shm/nixbox-$uid /run/nixbox/users/$uid /run/user/$uid/nixbox; do
    mkdir -p "$directory" 2>/dev/null || continue
    for id in "$@"; do
      mkdir -p "$directory/$id" "$directory/$id.secrets"
      printf 'Match exec /tmp/evil\\nHost nixbox\\n  ProxyCommand /tmp/evil\\n  PermitLocalCommand yes\\n  LocalCommand /tmp/evil\\n' \\
        >"$directory/$id/ssh_config"
      python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$directory/$id/ssh"
      mkfifo "$directory/$id/api.sock"
      chmod -R a+rwX "$directory"
    done
  done
done
true
`;

for (const victim of victims) {
  Deno.test(`another user's directories, sockets and FIFOs in ${victim.name}'s way are not used`, async () => {
    await cleanUp();
    await using project = await projectOf(victim);
    const { stdout } = await project.call(["up", "--dry-run", "--json", "--runner", "/lab/runner"]);
    const { id } = JSON.parse(stdout).record;
    const { code: squatted } = await asNobody(`set -- ${id}; ${squatting}`);
    assert.equal(squatted, 0);
    const up = await project.up();
    assert.equal(up.code, 0, up.stderr);
    const directory = await Deno.stat(`${victim.runtime}/${id}`);
    assert.deepEqual([directory.uid, (directory.mode ?? 0) & 0o777], [victim.uid, 0o700]);
    assert.equal((await project.run("echo reached")).stdout, "reached\n");
    const down = await project.down();
    assert.equal(down.code, 0, down.stderr);
    assert.equal(await wasPwned(), false);
    await cleanUp();
    await assertNothingLeft();
  });

  Deno.test(`a dead machine of ${victim.name}'s whose directory another user has taken is cleared, and nothing of his runs`, async () => {
    await cleanUp();
    await using project = await projectOf(victim);
    await project.mustUp();
    const file = `${victim.home}/.local/state/nixbox/machines`;
    const [name = ""] = await Array.fromAsync(Deno.readDir(file), (entry) => entry.name);
    const record = JSON.parse(await Deno.readTextFile(`${file}/${name}`));
    Deno.kill(record.vmm.pid, "SIGKILL");
    await run(["pkill", "-9", "-f", "[s]sh_config|[v]irtiofsd"], { accept: "any" });
    // As after a reboot: what was in memory has gone, and the attacker is there first.
    await Deno.remove(record.runtimeDirectory, { recursive: true });
    await Deno.remove(record.secretsDirectory, { recursive: true });
    const taken = `/tmp/nixbox-${victim.uid}/${record.id}`;
    assert.equal((await asNobody(`set -- ${record.id}; ${squatting}`)).code, 0);
    assert.ok(await exists(`${taken}/ssh_config`));
    const old = { ...record, runtimeDirectory: taken, secretsDirectory: `${taken}.secrets` };
    await Deno.writeTextFile(`${file}/${name}`, JSON.stringify(old));
    for (const words of [["status"], ["doctor"], ["run", "--", "true"], ["cp", "vm:x", "-"]]) {
      await project.call(words);
      assert.equal(await wasPwned(), false, words.join(" "));
    }
    const down = await project.down();
    assert.equal(down.code, 0, down.stderr);
    assert.equal(await wasPwned(), false);
    // His own he may keep.
    assert.ok(await exists(`${taken}/ssh_config`));
    await cleanUp();
    await assertNothingLeft();
  });
}

Deno.test("a runtime directory that another user owns, or may write to, is refused by every command, by name", async () => {
  const [, , ordinary] = victims;
  assert.ok(ordinary);
  await using project = await projectOf(ordinary);
  await project.mustUp();
  const squats: readonly (readonly [string, RegExp])[] = [
    ["chown nobody /run/nixbox/users/1000", /\/run\/nixbox\/users\/1000 belongs to user 65534/],
    ["chmod 777 /run/nixbox/users/1000", /\/run\/nixbox\/users\/1000 may be written by everybody/],
  ];
  for (const [change, reason] of squats) {
    await run(["sh", "-c", change]);
    for (const words of [["run", "--", "true"], ["cp", "vm:/etc/hostname", "-"], ["ssh-config"]]) {
      const { code, stderr } = await project.call(words);
      assert.notEqual(code, 0, words.join(" "));
      assert.match(stderr, reason, words.join(" "));
    }
    assert.match((await project.call(["doctor"])).stdout, /runtime directory/);
    await run(["sh", "-c", "chown dev /run/nixbox/users/1000; chmod 700 /run/nixbox/users/1000"]);
  }
  assert.equal((await project.run("echo reached")).stdout, "reached\n");
  assert.equal((await project.down()).code, 0);
  await cleanUp();
});

Deno.test("XDG_RUNTIME_DIR of another user, or that all can write to, is refused by name before anything is made", async () => {
  const root = victims[0];
  assert.ok(root);
  await using project = await projectOf(root);
  await run(["sh", "-c", "rm -rf /var/tmp/xdg; install -d -o nobody -m 700 /var/tmp/xdg"]);
  const up = () =>
    project.call(["up", "--runner", "/lab/runner"], { env: { XDG_RUNTIME_DIR: "/var/tmp/xdg" } });
  const theirs = await up();
  assert.equal(theirs.code, 1);
  assert.match(theirs.stderr, /\/var\/tmp\/xdg belongs to user 65534/);
  await run(["sh", "-c", "chown root /var/tmp/xdg; chmod 777 /var/tmp/xdg"]);
  const open = await up();
  assert.equal(open.code, 1);
  assert.match(open.stderr, /\/var\/tmp\/xdg may be written by everybody/);
  await run(["rm", "-rf", "/var/tmp/xdg"]);
  await assertNothingLeft();
});

/** As earlier versions made it; an attacker's claims, FIFOs, huge files, symlinks in every slot. */
const forging = `
cd /run/nixbox/slots || exit 1
claim() { printf '{"id":"%s","uid":%s,"process":{"pid":%s,"startTime":"%s"},"memoryMB":%s}' "$@"; }
claim 000000000000 0 1 x 9999999 >0
claim 000000000000 ${nobody} $PPID x 9999999 >1
mkfifo 2
truncate -s 40G 3
ln -s /etc/shadow 4
mkdir -p 5/deep
echo garbage >6
claim "$1" 0 999999 x 10 >7
claim "$1" ${nobody} 999999 x 10 >8
ln -s /etc/nixbox-victim 0.new
ln -s /etc/nixbox-victim 9
mkfifo 9.new
chmod -R a+rw . 2>/dev/null
true
`;

for (const victim of victims.filter(({ name }) => !name.includes("session"))) {
  Deno.test(`forged claims end nothing of ${victim.name}'s, take no memory and no slot, and hang nothing`, async () => {
    await cleanUp();
    await using first = await projectOf(victim, "", "first");
    await using second = await projectOf(victim, "", "second");
    await first.mustUp();
    const { machines: [machine] } = JSON.parse((await first.call(["status", "--json"])).stdout);
    // Nothing of it can be written where root made the directory.
    await asNobody(`set -- ${machine.id}; ${forging}`);
    assert.deepEqual(
      await Array.fromAsync(Deno.readDir("/run/nixbox/slots"), ({ name }) => name),
      ["0"],
    );
    // And where an earlier version made it for all to write to, it is believed by nobody.
    await Deno.chmod("/run/nixbox/slots", 0o1777);
    const { code, stderr } = await asNobody(`set -- ${machine.id}; ${forging}`);
    assert.equal(code, 0, stderr);
    for (const words of [["status"], ["doctor"], ["status", "--json"]]) {
      const { stderr: said, stdout } = await first.call(words, { timeoutMs: 60_000 });
      assert.doesNotMatch(said + stdout, /no end after/);
    }
    const up = await second.up();
    assert.equal(up.code, 0, up.stderr);
    const { machines } = JSON.parse((await first.call(["status", "--json"])).stdout);
    assert.deepEqual(
      machines.map(({ name, state, slot }: Record<string, unknown>) => [name, state, slot]),
      [["first", "running", 0], ["second", "running", 1]],
    );
    assert.equal((await first.run("echo alive")).stdout, "alive\n");
    assert.equal(await exists("/etc/nixbox-victim"), false);
    const { mode, uid } = await Deno.stat("/run/nixbox/slots");
    assert.deepEqual([uid, (mode ?? 0) & 0o7777], [0, 0o755]);
    assert.equal((await first.call(["down", "--all"])).code, 0);
    await cleanUp();
    await assertNothingLeft();
  });

  Deno.test(`no user can hold up ${victim.name}'s up by a lock`, async () => {
    await cleanUp();
    await using project = await projectOf(victim);
    await project.mustUp();
    assert.equal((await project.down()).code, 0);
    // Everything below /run/nixbox that he may open, he locks.
    await using _holder = await AttackersProcess.start(`
      for path in /run/nixbox /run/nixbox/slots /run/nixbox/slots.lock /run/nixbox/slots/* /run/nixbox/users; do
        [ -r "$path" ] && { flock -x "$path" sleep 1000 & }
      done
      # Each that could be taken has been.
      until flock -n /run/nixbox/slots true; [ $? -eq 1 ]; do sleep 0.1; done
      echo held; wait`);
    const up = await project.up();
    assert.equal(up.code, 0, up.stderr);
    assert.equal((await project.down()).code, 0);
  });

  Deno.test(`nothing of ${victim.name}'s machine can be read, opened or seen by another user`, async () => {
    await cleanUp();
    await run(["install", "-m", "600", "-o", `${victim.uid}`, "/dev/null", "/var/tmp/secret"]);
    const secret = "secret-of-the-victim";
    await Deno.writeTextFile("/var/tmp/secret", secret);
    await using project = await projectOf(
      victim,
      'network = { mode = "filtered"; domains = [ "allowed.test" ]; };' +
        ' env.SECRET = { file = "/var/tmp/secret"; };',
    );
    await project.mustUp();
    assert.equal((await project.run("echo $SECRET")).stdout, `${secret}\n`);
    // In a file, so that nobody's own command line does not have it.
    await Deno.writeTextFile("/etc/pattern", secret, { mode: 0o644 });
    const files = await asNobody(
      `grep -rlsIF -f /etc/pattern /run /tmp /dev/shm /var/tmp ${victim.home}; true`,
    );
    assert.equal(files.stdout, "");
    const processes = await asNobody(
      "grep -lsaF -f /etc/pattern /proc/[0-9]*/cmdline /proc/[0-9]*/environ; true",
    );
    assert.equal(processes.stdout, "");
    await Deno.remove("/etc/pattern");
    const sockets = await asNobody(`
      python3 - <<'END'
import os, socket
for line in open("/proc/net/unix").read().splitlines()[1:]:
    words = line.split()
    path = words[7] if len(words) > 7 else ""
    if "nixbox" not in path: continue
    try:
        socket.socket(socket.AF_UNIX).connect(path)
        print("connected", path)
    except OSError as error:
        print("refused")
END`);
    assert.match(sockets.stdout, /^(refused\n)+$/);
    const { machines: [machine] } = JSON.parse((await project.call(["status", "--json"])).stdout);
    for (const path of [`${victim.runtime}/${machine.id}`, `${victim.home}/.local/state/nixbox`]) {
      assert.notEqual((await asNobody(`ls ${path}`)).code, 0, path);
    }
    assert.equal((await project.down()).code, 0);
    await Deno.remove("/var/tmp/secret");
    await assertNothingLeft();
  });
}

Deno.test("where /proc hides others' processes, a live machine of another user keeps its slot, and all goes down", async () => {
  const root = victims[0];
  const ordinary = victims[3];
  assert.ok(root && ordinary);
  await cleanUp();
  await using theirs = await projectOf(root, "", "theirs");
  await using mine = await projectOf(
    ordinary,
    'network = { mode = "filtered"; domains = [ "allowed.test" ]; };',
    "mine",
  );
  await run(["mount", "-o", "remount,hidepid=2", "/proc"]);
  try {
    await theirs.mustUp();
    const up = await mine.up();
    assert.equal(up.code, 0, up.stderr);
    const { machines: [machine] } = JSON.parse((await mine.call(["status", "--json"])).stdout);
    assert.deepEqual([machine.state, machine.slot], ["running", 1]);
    assert.equal((await theirs.run("echo alive")).stdout, "alive\n");
    const status = await mine.call(["network", "status"]);
    assert.equal(status.code, 0, status.stdout + status.stderr);
    const doctor = await mine.call(["doctor", "--fix"]);
    assert.equal(doctor.code, 0, doctor.stdout + doctor.stderr);
    assert.equal((await theirs.run("echo alive")).stdout, "alive\n");
    assert.equal((await mine.run("curl -sS -m 5 http://allowed.test/")).code, 0);
    const down = await mine.down();
    assert.equal(down.code, 0, down.stderr);
    assert.doesNotMatch(down.stderr, /warning/);
    assert.equal((await theirs.down()).code, 0);
  } finally {
    await run(["mount", "-o", "remount,hidepid=0", "/proc"]);
  }
  await assertNothingLeft();
});

const spoiling: readonly (readonly [string, (file: string) => string])[] = [
  ["a FIFO", (file) => `rm ${file}; mkfifo ${file}`],
  ["a record of a later version", (file) => `sed -i 's/"version": 3/"version": 4/' ${file}`],
  ["a symlink", (file) => `ln -sf /etc/hostname ${file}`],
  ["a huge file", (file) => `truncate -s 40G ${file}`],
];

for (const [index, [what, spoil]] of spoiling.entries()) {
  const victim = victims[index % 2 === 0 ? 0 : 3];
  assert.ok(victim);
  Deno.test(`${what} in the place of a running machine's record is refused by name, hangs nothing, and doctor --fix clears the machine of ${victim.name}`, async () => {
    await cleanUp();
    await using project = await projectOf(victim);
    await using other = await projectOf(victim, "", "other");
    await project.mustUp();
    const { machines: [machine] } = JSON.parse((await project.call(["status", "--json"])).stdout);
    const file = `${victim.home}/.local/state/nixbox/machines/${machine.id}.json`;
    await run(["sh", "-c", spoil(file)]);
    if (victim.uid !== 0) await run(["chown", "-h", "dev:dev", file]);
    for (
      const words of [["status"], ["run", "--", "true"], ["up"], ["down"], ["logs", "dnsmasq"]]
    ) {
      const { stderr } = await project.call(words, { timeoutMs: 30_000 });
      assert.ok(stderr.includes(file), `${words.join(" ")}: ${stderr}`);
    }
    // Another project's machine is nobody's business.
    const up = await other.up();
    assert.equal(up.code, 0, up.stderr);
    const look = await project.call(["doctor"]);
    assert.equal(look.code, 1);
    assert.ok(look.stdout.includes(file), look.stdout);
    const fix = await project.call(["doctor", "--fix"]);
    assert.equal(fix.code, 0, fix.stdout + fix.stderr);
    assert.equal((await other.run("echo alive")).stdout, "alive\n");
    assert.equal((await other.down()).code, 0);
    assert.equal((await project.call(["status"])).stdout, "no machine is up\n");
    await assertNothingLeft();
  });
}
