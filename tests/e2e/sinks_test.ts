/** What a guest can grow: each thing beyond its bound, and a host that goes on. Floods of packets are in host_network_test.ts. */
import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { run } from "../../lib/host/process/run.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { longestLog } from "../../lib/lifecycle/machine/machine_watch.ts";
import { EmptySlot } from "./support/engine.ts";
import { nixboxArgv, onMac, TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

const state = "/root/.local/state/nixbox";

/** A small separate file system, in memory. */
class SmallDisk implements AsyncDisposable {
  private constructor(readonly path: string) {}

  static async make(path: string, megabytes: number): Promise<SmallDisk> {
    await Deno.mkdir(path, { recursive: true });
    await run(["mount", "-t", "tmpfs", "-o", `size=${megabytes}m,mode=755`, "small", path]);
    return new SmallDisk(path);
  }

  /** Takes room until so much is left. */
  async leave(megabytes: number): Promise<void> {
    await this.free();
    const taken = await this.freeMB() - megabytes;
    await run(["fallocate", "-l", `${taken}M`, `${this.path}/taken-by-the-host`]);
  }

  /** To the last byte. */
  async fill(): Promise<void> {
    const line = 'cat /dev/zero >"$0/filled" 2>/dev/null; rm -f "$0/none"; true';
    await run(["sh", "-c", line, this.path]);
    assert.equal(await this.freeMB(), 0);
  }

  async free(): Promise<void> {
    for (const name of ["taken-by-the-host", "filled"]) {
      if (await exists(`${this.path}/${name}`)) await Deno.remove(`${this.path}/${name}`);
    }
  }

  async freeMB(): Promise<number> {
    const { stdout } = await run(["stat", "-f", "-c", "%a %S", this.path]);
    const [blocks = 0, size = 0] = stdout.trim().split(" ").map(Number);
    return Math.floor(blocks * size / 1_048_576);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await run(["umount", "-l", this.path]);
    await Deno.remove(this.path);
  }
}

interface Status {
  readonly id: string;
  readonly state: string;
  readonly paused?: { readonly path: string; readonly freeMB: number; readonly floorMB: number };
}

async function statusOf(project: TestProject, env: Record<string, string> = {}): Promise<Status> {
  const { stdout } = await project.call(["status", "--json"], { env });
  return JSON.parse(stdout).machines[0];
}

async function untilState(
  project: TestProject,
  wanted: string,
  env: Record<string, string> = {},
): Promise<Status> {
  const found = await waitFor(async () => {
    const status = await statusOf(project, env);
    return status.state === wanted ? status : undefined;
  }, { timeoutMs: 60_000 });
  assert.ok(found, `it never was ${wanted}`);
  return found;
}

/** Writes to a file of the guest's, some 20 MB a second, and says how much at the end. */
const grow = (file: string, megabytes: number) =>
  `for i in $(seq ${megabytes}); do head -c 1000000 /dev/zero; sleep 0.03; done | ` +
  `sudo sh -c 'cat >>${file}' && echo all of it`;

Deno.test("a guest that closes its share's top is paused all the same", async () => {
  await using disk = await SmallDisk.make("/var/tmp/closed", 400);
  await Deno.chown(disk.path, 1000, 1000);
  await using project = await TestProject.make(
    `mounts = [ { source = "${disk.path}"; target = "/small"; } ];`,
    "box",
    ["as-dev", ...nixboxArgv()],
  );
  await run(["chown", "-R", "dev:dev", project.directory]);
  await disk.leave(70);
  await project.mustUp();
  const growing = project.call(["run", `sudo chmod 0 /small; ${grow("/small/file", 80)}`]);
  const { paused } = await untilState(project, "paused");
  assert.equal(paused?.path, disk.path);
  await disk.free();
  assert.equal((await growing).stdout, "all of it\n");
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});

Deno.test("a share that fills the host's file system: the machine is paused, told, and goes on where it was", async (t) => {
  await using disk = await SmallDisk.make("/var/tmp/small", 400);
  await using project = await TestProject.make(
    `mounts = [ { source = "${disk.path}"; target = "/small"; } ];`,
  );
  await t.step("up refuses on a file system without room, before anything is changed", async () => {
    await disk.leave(10);
    const up = await project.up("runner", "--verbose");
    assert.equal(up.code, 1);
    assert.match(
      up.stderr,
      /too little room for a machine to grow: the file system of \/var\/tmp\/small has 10 MB free, and 20 MB must stay\nhelp: free some space there/,
    );
    assert.doesNotMatch(up.stderr, /✓ (?!read the config)/);
    await assertNothingLeft();
  });
  await disk.leave(70);
  await project.mustUp();
  const growing = project.call(["run", grow("/small/file", 80)]);

  await t.step("status names the file system, what is free and what must be", async () => {
    const { paused } = await untilState(project, "paused");
    assert.equal(paused?.path, disk.path);
    assert.equal(paused?.floorMB, 20);
    const { stdout, stderr, code } = await project.call(["status"]);
    assert.equal(code, 0);
    assert.match(stdout, /^box +paused /m);
    assert.match(stderr, /box is paused: the file system of \/var\/tmp\/small has \d+ MB free/);
    assert.match(stderr, /help: free space on .*\(25 MB in all\).*goes on by itself.*nixbox down/);
  });
  await t.step("no command hangs: each says so", async () => {
    for (
      const words of [
        ["run", "true"],
        ["shell"],
        ["cp", "vm:/etc/hostname", "-"],
        ["mount", "/var/tmp:/more:ro"],
        ["unmount", "/small"],
      ]
    ) {
      const { code, stderr } = await project.call(words, { timeoutMs: 10_000 });
      assert.equal(code, 1, words.join(" "));
      assert.match(stderr, /box is paused: [^]*goes on by itself/);
    }
    const up = await project.up();
    assert.equal(up.code, 0);
    assert.match(up.stderr, /warning: box is paused/);
  });
  await t.step("the host goes on: there is room, and it stays", async () => {
    const left = await disk.freeMB();
    assert.ok(left > 0, `${left} MB`);
    // Longer than the keep-alives of the connection take to end it.
    await new Promise((resolve) => setTimeout(resolve, 16_000));
    assert.equal(await disk.freeMB(), left);
  });
  await t.step("with room the command ends, as if nothing had been", async () => {
    await disk.free();
    const { code, stdout, stderr } = await growing;
    assert.equal(code, 0, stderr);
    assert.equal(stdout, "all of it\n");
    assert.match(stderr, /nixbox: box is paused: the file system of/);
    assert.equal((await Deno.stat(`${disk.path}/file`)).size, 80_000_000);
    assert.equal((await statusOf(project)).state, "running");
  });
  await t.step("down of a paused machine asks its guest", async () => {
    await disk.leave(5);
    await untilState(project, "paused");
    assert.match((await project.down("--json")).stdout, /"graceful"/);
    await assertNothingLeft();
  });
});

/** The lab's runner with a disk that the guest can write, in the state directory, as microvm.nix makes it. */
async function runnerWithDisk(): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "runner-" });
  await run(["cp", "-a", "/lab/runner/.", directory]);
  const script = `${directory}/bin/microvm-run`;
  const made = "set -eou pipefail\nif [ ! -e 'root.img' ]; then\n  touch 'root.img'\n" +
    "  truncate -s 500M 'root.img'\nfi\n";
  const drive = "-drive id=vdb,format=raw,file=root.img,if=none,aio=threads,discard=unmap " +
    "-device virtio-blk-pci,drive=vdb ${runtime_args:-}";
  const text = (await Deno.readTextFile(script)).replace("set -eou pipefail\n", made)
    .replace("${runtime_args:-}", drive);
  await Deno.writeTextFile(script, text);
  return directory;
}

const growDisk = "for i in $(seq 200); do " +
  "sudo dd if=/dev/zero of=/dev/vdb bs=1M count=1 seek=$i oflag=direct status=none; done";

Deno.test("a machine's own disk that fills the host's: crashes leave nothing stuck, and down works on a full disk", async (t) => {
  await using disk = await SmallDisk.make("/var/tmp/state", 400);
  await using project = await TestProject.make();
  const env = { XDG_STATE_HOME: disk.path };
  const call = (...words: string[]) => project.call(words, { env });
  await using _down = {
    async [Symbol.asyncDispose]() {
      await call("down", "--force");
    },
  };
  const up = await call("up", "--runner", await runnerWithDisk());
  assert.equal(up.code, 0, up.stderr);
  await disk.leave(70);
  const growing = call("run", growDisk);
  const { paused, id } = await untilState(project, "paused", env);
  assert.equal(paused?.path, `${disk.path}/nixbox/projects/${id}`);
  const record = () =>
    Deno.readTextFile(`${disk.path}/nixbox/machines/${id}.json`).then(JSON.parse);
  const watchOf = async () => (await record()).watch.pid;

  await t.step("a watch that was killed is found, and doctor --fix starts another", async () => {
    const first = await watchOf();
    Deno.kill(first, "SIGKILL");
    assert.match((await call("status")).stderr, /its watch has ended: `nixbox doctor --fix`/);
    const doctor = await call("doctor");
    assert.equal(doctor.code, 1);
    assert.match(doctor.stdout, /leftover: the watch of the machine box has ended/);
    assert.match((await call("doctor", "--fix")).stdout, /cleared: the watch of the machine box/);
    assert.notEqual(await watchOf(), first);
    assert.match((await call("status")).stderr, /goes on by itself/);
  });
  await t.step(
    "down of one without its watch, on a disk without a byte, leaves nothing",
    async () => {
      Deno.kill(await watchOf(), "SIGKILL");
      await disk.fill();
      // QEMU stops its guest by itself when nothing can be written: force ends it then.
      const down = await call("down", "--timeout", "2");
      assert.equal(down.code, 0, down.stderr);
      assert.match(down.stderr, /warning: .*no space left/);
      assert.notEqual((await growing).code, 0);
      await assertNothingLeft();
      assert.equal(await exists(`${disk.path}/nixbox/machines/${id}.json`), false);
    },
  );
});

Deno.test("macOS: a share that fills the disk pauses the machine by vfkit, and its logs are cut", async (t) => {
  await using disk = await SmallDisk.make("/var/tmp/small", 400);
  await using project = await TestProject.make(
    `mounts = [ { source = "${disk.path}"; target = "/small"; } ];`,
    "box",
    onMac,
  );
  assert.equal((await project.up("runner-vfkit")).code, 0);
  const { id } = await statusOf(project);
  await t.step("logs", async () => await assertLogsAreCut(`${state}/projects/${id}/logs`));
  await t.step("paused, told, and on again", async () => {
    await disk.leave(70);
    const growing = project.call(["run", grow("/small/file", 80)]);
    const { paused } = await untilState(project, "paused");
    assert.equal(paused?.path, disk.path);
    const socket = `${state}/run/${id}/api.sock`;
    const asked = await run(["curl", "-s", "--unix-socket", socket, "http://localhost/vm/state"]);
    assert.match(asked.stdout, /VirtualMachineStatePaused/);
    assert.match((await project.run("true")).stderr, /box is paused/);
    assert.ok(await disk.freeMB() > 0);
    await disk.free();
    assert.equal((await growing).stdout, "all of it\n");
  });
  await t.step("down of a paused machine asks its guest", async () => {
    await disk.leave(5);
    await untilState(project, "paused");
    assert.match((await project.down("--json")).stdout, /"graceful"/);
    await assertNothingLeft();
  });
});

/** Makes a log grow far beyond its bound, as what writes to it does: at its end. */
async function assertIsCut(log: string, longest: number): Promise<void> {
  await run(["sh", "-c", `yes $(printf %099d) | head -c ${longest * 2.5} >>"$0"`, log]);
  // It may have been cut half-way, and be half as long as it may be.
  const cut = async () =>
    await exists(`${log}.old`) && (await Deno.stat(log)).size <= longest || undefined;
  assert.ok(await waitFor(cut, { timeoutMs: 60_000 }), `${log} was not cut`);
  assert.ok(Deno.statSync(`${log}.old`).size <= longest / 2, log);
}

async function assertLogsAreCut(logs: string): Promise<void> {
  const names = [...Deno.readDirSync(logs)].map(({ name }) => name)
    .filter((name) => name.endsWith(".log"));
  assert.ok(names.includes("console.log") && names.includes("hypervisor.log"), names.join());
  await Promise.all(names.map((name) => assertIsCut(`${logs}/${name}`, longestLog)));
}

// Of what it prints the depth is in tests/unit/host: an emulated guest sends 6 MB a second.
Deno.test("what a guest says without end is bounded, and its machine goes on", async (t) => {
  await using project = await TestProject.make(
    "scripts = [ { path = ./flood.sh; optional = true; } ];",
  );
  const flood = (bytes: number) => `head -c ${bytes} /dev/zero | tr '\\0' x`;
  const words = "echo >&2; echo last words >&2; exit 3";
  const script = `#!/bin/sh\n${flood(8_000_000)} >&2; ${words}\n`;
  await Deno.writeTextFile(`${project.directory}/.nixbox/flood.sh`, script);

  await t.step("a script's output is told in pieces, and its last words", async () => {
    const up = await project.up();
    assert.equal(up.code, 0, up.stderr.slice(-2000));
    assert.match(up.stderr, /flood\.sh failed in the guest \(exit 3\) \(optional: going on\)/);
    assert.match(up.stderr, /x\n[^\n]*last words/);
  });
  /** Puts a program in the place of one of the guest's. */
  const stand = async (name: string, line: string) => {
    const command = `cat >${name} && chmod 755 ${name} && sudo mv ${name} /usr/local/bin/`;
    const stdin = `#!/bin/sh\n${line}\n`;
    const { code, stderr } = await project.call(["run", command], { stdin });
    assert.equal(code, 0, stderr);
  };
  await t.step("cp tells the end of what the guest's tar complains of", async () => {
    assert.equal((await project.run("mkdir tree")).code, 0);
    await stand("tar", `${flood(8_000_000)} >&2; ${words}`);
    const { code, stderr } = await project.call(["cp", "vm:workspace/tree", "/var/tmp/tree"]);
    assert.equal(code, 1);
    assert.match(stderr, /last words/);
    assert.ok(stderr.length < 4000, `${stderr.length} characters are told`);
  });
  await t.step("cp is not told without end what a file is", async () => {
    await stand("stat", flood(500_000_000));
    const { code, stderr } = await project.call(["cp", "vm:workspace/tree", "/var/tmp/tree"]);
    assert.equal(code, 1);
    assert.match(stderr, /printed more than 1 MB/);
  });
  await t.step("no log of a machine grows for ever, and the newest is kept", async () => {
    const { id } = await statusOf(project);
    const logs = `${state}/projects/${id}/logs`;
    await assertLogsAreCut(logs);
    const names = [...Deno.readDirSync(logs)].map(({ name }) => name);
    for (const name of ["console.log", "hypervisor.log", "ssh.log", "virtiofsd-share0.log"]) {
      assert.ok(names.includes(name), names.join());
    }
    for (const name of ["console", "hypervisor"]) {
      await run(["sh", "-c", 'printf "\\nnewest\\n" >>"$0"', `${logs}/${name}.log`]);
      const shown = await project.call(["logs", name]);
      assert.match(shown.stdout, /^newest$/m);
      assert.ok(shown.stdout.length < 17_000_000);
    }
    await project.run("echo after | sudo tee /dev/console >/dev/null");
    const said = async () =>
      (await Deno.readTextFile(`${logs}/console.log`)).includes("after") || undefined;
    assert.ok(await waitFor(said, { timeoutMs: 60_000 }), "the console's log has ended");
    assert.ok(Deno.statSync(`${logs}/console.log`).size <= longestLog);
  });
  assert.equal((await project.down()).code, 0);
  await assertNothingLeft();
});

for (const [slot, mode] of [[40, "open"], [41, "filtered"], [42, "off"]] as const) {
  Deno.test(`${mode}: no log of its network grows for ever, and names are answered`, async () => {
    await using empty = await EmptySlot.make(slot, { mode });
    const directory = `/run/nixbox/vm/${slot}`;
    const logs = [...Deno.readDirSync(directory)].map(({ name }) => name)
      .filter((name) => name.endsWith(".log")).sort();
    assert.deepEqual(
      logs,
      mode === "filtered" ? ["dnsmasq.log", "inspector.log"] : ["dnsmasq.log"],
    );
    for (const name of logs) await assertIsCut(`${directory}/${name}`, 4_000_000);
    if (mode === "off") return;
    const { stdout } = await empty.run("dig +short +time=2 +tries=1 allowed.test");
    assert.equal(stdout, "80.0.113.10\n");
  });
}
