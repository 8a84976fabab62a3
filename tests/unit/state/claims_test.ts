import assert from "node:assert/strict";
import type { Host } from "../../../lib/host/host.ts";
import { pidInLocks } from "../../../lib/host/process/lock_holder.ts";
import { run } from "../../../lib/host/process/run.ts";
import { readClaim } from "../../../lib/state/claims.ts";
import { isSharedDirectorySafe, slotLockFile } from "../../../lib/state/shared_directory.ts";
import { lockAsRoot } from "../../../lib/state/slot_lock.ts";
import {
  chooseSlot,
  claimOf,
  isSlotOf,
  lockSlots,
  readSlots,
  writeSlotOwner,
} from "../../../lib/state/slots.ts";
import { SlotsForTest } from "../support/slots.ts";

const wish = { id: "me", memoryMB: 10 };
const memory = { availableMB: 1000, unusedOfRunningMB: 0 };
const stranger = 12345;

const claimText = (change: Record<string, unknown> = {}) =>
  JSON.stringify({
    id: "0123456789ab",
    uid: stranger,
    process: { pid: 1, startTime: "x" },
    memoryMB: 999_999,
    ...change,
  });

/** What another user may have laid into a directory that all could write to. */
const plants: readonly (readonly [string, (path: string) => Promise<unknown>])[] = [
  ["a claim in another's name", (path) => theirs(path, claimText({ uid: 0 }))],
  ["a claim in his own name, on all memory", (path) => theirs(path, claimText())],
  ["a claim that is not JSON", (path) => theirs(path, "not json")],
  ["an empty claim", (path) => theirs(path, "")],
  ["a claim of a later version", (path) => theirs(path, claimText({ version: 9 }))],
  ["a FIFO", async (path) => {
    await run(["mkfifo", path]);
    await Deno.chown(path, stranger, stranger);
  }],
  ["a directory", async (path) => {
    await Deno.mkdir(path);
    await Deno.writeTextFile(`${path}/file`, "");
    await Deno.chown(path, stranger, stranger);
  }],
  ["a huge file", async (path) => {
    await theirs(path, claimText());
    await Deno.truncate(path, 5_000_000_000);
  }],
  ["a symlink to a file of root's", async (path) => {
    await Deno.symlink("/etc/passwd", path);
    await run(["chown", "-h", `${stranger}`, path]);
  }],
];

async function theirs(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text);
  await Deno.chown(path, stranger, stranger);
}

for (const [what, plant] of plants) {
  Deno.test(`${what} that another user laid on a slot is not a claim, and is replaced`, async () => {
    await using place = await SlotsForTest.make();
    const { host } = place;
    await plant(place.file(0));
    assert.equal(readClaim(place, 0), undefined);
    const states = await readSlots(host, place);
    assert.deepEqual(states, []);
    const choice = chooseSlot(states, wish, memory);
    assert.deepEqual(choice, { slot: 0, replaces: undefined });
    const claim = claimOf(host, "0123456789ab", await place.self(), 10);
    await writeSlotOwner(host, place, 0, claim);
    assert.deepEqual(readClaim(place, 0), { kind: "claim", owner: claim });
    assert.equal((await Deno.lstat(place.file(0))).mode ?? 0 & 0o777, 0o100644);
    assert.notEqual((await Deno.readTextFile("/etc/passwd"))[0], "{");
  });
}

/** What root's own crash, or a later nixbox, may have left. */
const unreadable: readonly (readonly [string, RegExp, (path: string) => Promise<unknown>])[] = [
  ["half a claim", /is not a claim of this version/, (path) => Deno.writeTextFile(path, '{"id":')],
  [
    "a claim of a later version",
    /is not a claim of this version/,
    (path) => Deno.writeTextFile(path, claimText({ version: 9 })),
  ],
  ["a directory", /is not a regular file/, (path) => Deno.mkdir(path)],
];

for (const [what, reason, make] of unreadable) {
  Deno.test(`${what} of root's keeps its slot from everybody, and is named`, async () => {
    await using place = await SlotsForTest.make();
    await make(place.file(0));
    const states = await readSlots(place.host, place);
    assert.match(states[0]?.problem ?? "", reason);
    assert.ok(states[0]?.problem?.startsWith(place.file(0)));
    assert.equal(chooseSlot(states, wish, memory).slot, 1);
  });
}

Deno.test("a claim of another user's is not this user's, whatever its id", async () => {
  await using place = await SlotsForTest.make();
  await Deno.writeTextFile(place.file(0), claimText());
  const [state] = await readSlots(place.host, place);
  assert.equal(state?.owner.uid, stranger);
  assert.equal(isSlotOf(place.host, place, 0, "0123456789ab"), false);
  assert.equal(isSlotOf(place.host, place, 1, "0123456789ab"), false);
});

Deno.test("the owner of a claim whom /proc hides counts as alive", async () => {
  await using place = await SlotsForTest.make();
  const { host } = place;
  await writeSlotOwner(host, place, 0, claimOf(host, "x", { pid: 77, startTime: "a" }, 10));
  const seen = async (identity: Awaited<ReturnType<Host["processes"]["identify"]>>) => {
    const processes = { ...host.processes, identify: () => Promise.resolve(identity) };
    return (await readSlots({ ...host, processes }, place))[0]?.isOwnerAlive;
  };
  assert.equal(await seen("unknown"), true);
  assert.equal(await seen({ pid: 77, startTime: "a" }), true);
  assert.equal(await seen({ pid: 77, startTime: "b" }), false);
  assert.equal(await seen(undefined), false);
});

Deno.test("a directory that all can write to, or a lock that all can open, is not safe", async () => {
  await using place = await SlotsForTest.make();
  const isSafe = () => isSharedDirectorySafe(place.host, place);
  assert.equal(await isSafe(), true);
  await Deno.chmod(`${place.directory}/slots`, 0o1777);
  assert.equal(await isSafe(), false);
  await Deno.chmod(`${place.directory}/slots`, 0o755);
  await Deno.chmod(`${place.directory}/slots.lock`, 0o644);
  assert.equal(await isSafe(), false);
  await Deno.chmod(`${place.directory}/slots.lock`, 0o600);
  await Deno.chown(`${place.directory}/slots`, stranger, stranger);
  assert.equal(await isSafe(), false);
});

Deno.test("the next one waits for the slots' lock", async () => {
  await using place = await SlotsForTest.make();
  const first = await lockSlots(place.host, place);
  let isHeld = false;
  const second = lockSlots(place.host, place).then((held) => {
    isHeld = true;
    return held;
  });
  // Many turns of the loop in which it could have been taken wrongly.
  for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(isHeld, false);
  first.release();
  (await second).release();
});

Deno.test("a lock that is held too long is named with its holder", async () => {
  await using place = await SlotsForTest.make();
  const holder = new Deno.Command("flock", {
    args: [slotLockFile(place), "sh", "-c", "echo held; exec cat"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = holder.stdout.getReader();
  await reader.read();
  await assert.rejects(lockAsRoot(place.host, place, { timeoutMs: 0 }), (error: unknown) => {
    assert.match(String(error), /the lock of the network slots was not free/);
    assert.equal(Reflect.get(Object(error), "where"), slotLockFile(place));
    assert.match(
      String(Reflect.get(Object(error), "hint")),
      /process \d+ of \w+ holds it \(\S*flock /,
    );
    return true;
  });
  await holder.stdin.close();
  await reader.cancel();
  await holder.status;
  (await lockSlots(place.host, place)).release();
});

Deno.test("who holds a lock is read from the kernel's list", () => {
  const locks = "1: POSIX  ADVISORY  WRITE 67 fe:00:42 0 EOF\n" +
    "2: FLOCK  ADVISORY  WRITE 812 00:19:42 0 EOF\n2: -> FLOCK  ADVISORY  WRITE 9 00:19:42 0 EOF\n";
  assert.equal(pidInLocks(locks, 42), 812);
  assert.equal(pidInLocks(locks, 43), undefined);
  assert.equal(pidInLocks("garbage\n\n", 42), undefined);
});
