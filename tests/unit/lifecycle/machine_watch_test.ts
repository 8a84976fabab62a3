import assert from "node:assert/strict";
import { detectDarwin, thisMac } from "../../../lib/host/darwin.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import { endProcess, isAlive } from "../../../lib/host/root/end_process.ts";
import { exists } from "../../../lib/host/files/files.ts";
import type { Host, ProcessIdentity } from "../../../lib/host/host.ts";
import { waitFor } from "../../../lib/base/wait.ts";
import {
  endMachineWatch,
  startMachineWatch,
} from "../../../lib/lifecycle/machine/machine_watch.ts";
import {
  notePlaces,
  parseLack,
  pauseHint,
  pausePaths,
  pauseText,
  readPause,
  requireRoom,
} from "../../../lib/lifecycle/machine/room.ts";
import type { VmRecord } from "../../../lib/state/record.ts";
import { statePaths } from "../../../lib/state/store.ts";
import { exampleRecord } from "../support/record.ts";
import { testOnLinux } from "../support/systems.ts";

const standIns = new URL("../../stand_in/macos/bin", import.meta.url).pathname;

/** Free space as a test says it: in KiB, of 2,000,000. */
const stat = (free: string) =>
  `#!/bin/sh
case $1 in -f) echo "$(cat ${free}) 2000000 1024" ;; *) exec /usr/bin/stat "$@" ;; esac
`;
const df = (free: string) =>
  `#!/bin/sh
echo Filesystem 1024-blocks Used Available Capacity Mounted on
echo "map 50% /of home 2000000 7 $(cat ${free}) 90% /System/Volumes/My 9% disk"
`;

/** A machine whose hypervisor is a program that only counts, on a host with the room that a test says. */
class Machine implements AsyncDisposable {
  readonly cause: string;
  record: VmRecord;

  private constructor(
    readonly host: Host,
    readonly directory: string,
    readonly vmm: ProcessIdentity,
    private readonly child: Deno.ChildProcess,
  ) {
    this.record = {
      ...exampleRecord,
      runtimeDirectory: `${directory}/run`,
      shares: exampleRecord.shares.map((share) => ({ ...share, source: `${directory}/share` })),
      vmm,
    };
    this.cause = pausePaths(this.record.runtimeDirectory).cause;
  }

  static async make(os: "linux" | "darwin", freeKB = 1_000_000): Promise<Machine> {
    const directory = await Deno.makeTempDir({ prefix: "a watch " });
    const plain = await Deno.makeTempDir();
    const here = os === "linux"
      ? await detectHost()
      : detectDarwin({ ...thisMac, arch: "aarch64" });
    const free = `${plain}/free`;
    for (const [name, text] of [["stat", stat(free)], ["df", df(free)]] as const) {
      await Deno.writeTextFile(`${plain}/${name}`, text, { mode: 0o755 });
    }
    const fakes: Record<string, string> = os === "linux"
      ? { stat: `${plain}/stat` }
      : { df: `${plain}/df`, stat: `${standIns}/stat`, ps: `${standIns}/ps` };
    const host: Host = {
      ...here,
      paths: { ...here.paths, state: directory },
      processes: (await detectHost()).processes,
      which: async (name) => fakes[name] ?? await here.which(name),
    };
    for (const name of ["share", "run"]) await Deno.mkdir(`${directory}/${name}`, { mode: 0o700 });
    await Deno.mkdir(statePaths(host, exampleRecord.id).logs, { recursive: true });
    const count = `i=0; while :; do i=$((i + 1)); echo $i >'${directory}/count'; sleep 0.02; done`;
    const child = new Deno.Command("sh", { args: ["-c", count] }).spawn();
    const vmm = await host.processes.identify(child.pid);
    assert.ok(typeof vmm === "object");
    const machine = new Machine(host, directory, vmm, child);
    Deno.symlinkSync(free, `${directory}/free`);
    machine.room(freeKB);
    return machine;
  }

  room(freeKB: number): void {
    Deno.writeTextFileSync(Deno.readLinkSync(`${this.directory}/free`), `${freeKB}\n`);
  }

  async watch(longest?: number): Promise<void> {
    const watch = await startMachineWatch(this.host, this.record, this.vmm, longest);
    this.record = { ...this.record, watch };
  }

  /** Whether the hypervisor's process goes on, as proc(5) tells. */
  get isStopped(): boolean {
    const status = Deno.readTextFileSync(`/proc/${this.vmm.pid}/status`);
    return /^State:\tT/m.test(status);
  }

  async until(what: () => boolean | Promise<boolean>): Promise<void> {
    const found = await waitFor(async () => await what() || undefined, { timeoutMs: 10_000 });
    assert.ok(found, `it never came to be: ${what}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.record.watch !== undefined) {
      await endProcess(this.host, this.record.watch, { graceMs: 500 });
    }
    await endProcess(this.host, this.vmm, { graceMs: 0 });
    await this.child.status;
    const free = await Deno.readLink(`${this.directory}/free`);
    await Deno.remove(free.replace(/\/free$/, ""), { recursive: true });
    await Deno.remove(this.directory, { recursive: true });
  }
}

// 5 % of 2,000,000 KiB are the floor.
const floorKB = 100_000;

for (const os of ["linux", "darwin"] as const) {
  const name = os === "linux" ? "Linux" : "macOS' tools";

  testOnLinux(
    `${name}: a machine is stopped under the floor, told why, and goes on with room`,
    async () => {
      await using machine = await Machine.make(os, floorKB);
      await machine.watch();
      await machine.until(() => exists(`${machine.record.runtimeDirectory}/places`));
      assert.equal(await readPause(machine.host, machine.record), undefined);
      machine.room(floorKB - 1);
      await machine.until(() => machine.isStopped);
      const pause = await readPause(machine.host, machine.record);
      assert.deepEqual([pause?.freeMB, pause?.floorMB, pause?.neededMB], [97, 98, 123]);
      assert.ok(pause?.path.startsWith(machine.directory), pause?.path);
      assert.equal(pause?.isWatched, true);

      // Not at the first byte: else it would stop and go all the time.
      machine.room(floorKB * 1.25 - 1);
      await machine.until(async () =>
        (await readPause(machine.host, machine.record))?.freeMB === 122
      );
      assert.ok(machine.isStopped);
      machine.room(floorKB * 1.25);
      await machine.until(() => !machine.isStopped);
      await machine.until(async () => !await exists(machine.cause));
    },
  );

  testOnLinux(`${name}: a log that grows too long is cut, and its newest part kept`, async () => {
    await using machine = await Machine.make(os);
    const { logs } = statePaths(machine.host, machine.record.id);
    const log = `${logs}/console.log`;
    await Deno.writeTextFile(log, `${"x".repeat(300_000)}newest`);
    const long = `${machine.directory}/long`;
    await Deno.writeTextFile(long, "x".repeat(300_000));
    await Deno.symlink(long, `${logs}/link.log`);
    await machine.watch(100_000);
    await machine.until(async () => (await Deno.stat(log)).size === 0);
    const older = await Deno.readTextFile(`${log}.old`);
    assert.ok(older.endsWith("newest"));
    assert.equal(older.length, 50_000);
    assert.equal((await Deno.stat(long)).size, 300_000, "what a link leads to is not a log");
  });
}

testOnLinux("a watch ends with its machine, and takes the cause away", async () => {
  await using machine = await Machine.make("linux", 0);
  await machine.watch();
  await machine.until(() => machine.isStopped);
  Deno.kill(machine.vmm.pid, "SIGKILL");
  const { watch } = machine.record;
  assert.ok(watch);
  await machine.until(async () => !await isAlive(machine.host, watch));
  assert.equal(await exists(machine.cause), false);
});

testOnLinux("a signal of somebody else does not let it go on", async () => {
  await using machine = await Machine.make("linux", 0);
  await machine.watch();
  await machine.until(() => machine.isStopped);
  Deno.kill(machine.vmm.pid, "SIGCONT");
  await machine.until(() => !machine.isStopped);
  await machine.until(() => machine.isStopped);
});

testOnLinux(
  "a machine that lost its watch goes on with a new one, and when it is ended",
  async (t) => {
    await using machine = await Machine.make("linux", 0);
    await machine.watch();
    await machine.until(() => machine.isStopped);
    const first = machine.record.watch;
    assert.ok(first);
    await endProcess(machine.host, first, { graceMs: 0 });

    await t.step("status says so", async () => {
      const pause = await readPause(machine.host, machine.record);
      assert.equal(pause?.isWatched, false);
      assert.match(pauseHint(pause), /nixbox doctor --fix/);
    });
    await t.step("a new watch lets it go on once there is room", async () => {
      machine.room(1_000_000);
      await machine.watch();
      await machine.until(() => !machine.isStopped);
    });
    await t.step("the end of the watch lets it go on, room or not", async () => {
      machine.room(0);
      await machine.until(() => machine.isStopped);
      await endMachineWatch(machine.host, machine.record);
      assert.ok(!machine.isStopped);
      assert.equal(await exists(machine.cause), false);
    });
  },
);

testOnLinux("another process that got the machine's pid is left alone", async () => {
  await using machine = await Machine.make("linux");
  // As a watch sees it when the time of the start is another one.
  const functions = machine.host.shellFunctions;
  const other = `${functions}\nstarted() { date +%N; }\n`;
  await startMachineWatch({ ...machine.host, shellFunctions: other }, machine.record, machine.vmm);
  machine.room(0);
  const watches = async () =>
    (await machine.host.processes.withEnvironment("NIXBOX_VM", machine.record.id)).length;
  await machine.until(async () => await watches() === 0);
  assert.ok(!machine.isStopped);
});

testOnLinux("up, before it changes anything, says where room is lacking and how much", async () => {
  await using machine = await Machine.make("linux", floorKB - 1);
  const share = `${machine.directory}/share`;
  await assert.rejects(requireRoom(machine.host, [share]), {
    message:
      `too little room for a machine to grow: the file system of ${share} has 97 MB free, and 98 MB must stay`,
    hint: `free some space there (\`df -h '${share}'\`) and try again`,
  });
  machine.room(floorKB);
  await requireRoom(machine.host, [share]);
});

const sizes: readonly (readonly [what: string, stat: string, lacks: boolean])[] = [
  ["10 GB of a large disk", "10000000 900000000 1024", false],
  ["1 GiB of a large disk", "1048576 900000000 1024", false],
  ["a byte less than 1 GiB of a large disk", "1048575 900000000 1024", true],
  ["5 % of a small disk, in blocks of 4 KiB", "50 1000 4096", false],
  ["less than 5 % of a small disk", "49 1000 4096", true],
  ["a file system that does not tell its size", "0 0 4096", false],
  ["no answer at all", "", false],
  ["an answer that is not a number", "- - -", false],
];

for (const [what, answer, lacks] of sizes) {
  testOnLinux(`the floor: ${what} is ${lacks ? "too little" : "enough"}`, async () => {
    await using machine = await Machine.make("linux");
    const fake = `${machine.directory}/fake stat`;
    await Deno.writeTextFile(fake, `#!/bin/sh\necho '${answer}'\n`, { mode: 0o755 });
    const which = (name: string) => Promise.resolve(name === "stat" ? fake : undefined);
    const look = requireRoom({ ...machine.host, which }, [machine.directory]);
    await (lacks ? assert.rejects(look, /too little room/) : look);
  });
}

testOnLinux(
  "each file system on which a machine grows is looked at once, by a share that is there",
  async () => {
    await using machine = await Machine.make("linux");
    const { places } = pausePaths(machine.record.runtimeDirectory);
    const sources = () =>
      [...Deno.readDirSync(places)].map(({ name }) => Deno.readLinkSync(`${places}/${name}`));
    const [first] = machine.record.shares;
    assert.ok(first);
    const elsewhere = { ...first, source: "/dev/shm" };
    const gone = { ...first, source: "/nowhere" };
    const state = statePaths(machine.host, machine.record.id).directory;
    await notePlaces(machine.host, { ...machine.record, shares: [first, elsewhere, gone] });
    assert.deepEqual(sources().sort(), [state, "/dev/shm"].sort());
    await notePlaces(machine.host, {
      ...machine.record,
      shares: [{ ...elsewhere, readonly: true }],
    });
    assert.deepEqual(sources(), [state]);
  },
);

Deno.test("a cause that could not be written whole is told, too", () => {
  assert.equal(parseLack(""), undefined);
  assert.equal(parseLack("12 13"), undefined);
  const lack = parseLack("2048 3000 /a b/c\n1 2 /d\n");
  assert.deepEqual(lack, { path: "/a b/c", freeMB: 2, floorMB: 3, neededMB: 4 });
  assert.ok(lack);
  assert.equal(
    pauseText("box", { ...lack, isWatched: true }),
    "box is paused: the file system of /a b/c has 2 MB free, and 3 MB must stay",
  );
  assert.match(pauseHint({ ...lack, isWatched: true }), /4 MB in all.*goes on by itself/);
});
