import assert from "node:assert/strict";
import {
  chooseSlot,
  claimOf,
  readSlots,
  releaseSlot,
  slotCount,
  type SlotOwner,
  type SlotState,
  writeSlotOwner,
} from "../../../lib/state/slots.ts";
import { parseRecord } from "../../../lib/state/store.ts";
import { exampleRecord } from "../support/record.ts";
import { SlotsForTest } from "../support/slots.ts";

const owner = (id: string, memoryMB = 100): SlotOwner => ({
  id,
  uid: 1000,
  process: { pid: 1, startTime: "x" },
  memoryMB,
});
const taken = (slot: number, isOwnerAlive = true): SlotState => ({
  slot,
  owner: owner(`m${slot}`),
  isOwnerAlive,
});
const wish = { id: "me", memoryMB: 1000 };
const plenty = { availableMB: 100_000, unusedOfRunningMB: 0 };

Deno.test("the lowest free slot is chosen", () => {
  assert.deepEqual(chooseSlot([], wish, plenty), { slot: 0, replaces: undefined });
  assert.equal(chooseSlot([taken(0), taken(1), taken(3)], wish, plenty).slot, 2);
});

Deno.test("a slot whose owner is gone is taken, one whose owner lives is not", () => {
  const { slot, replaces } = chooseSlot([taken(0), taken(1, false)], wish, plenty);
  assert.equal(slot, 1);
  assert.equal(replaces?.id, "m1");
});

Deno.test("a claim that cannot be read is nobody's to take", () => {
  const unknown = { ...taken(0, false), owner: { ...owner("unknown"), uid: -1 } };
  assert.equal(chooseSlot([unknown], wish, plenty).slot, 1);
});

Deno.test("all slots taken is an error that says so", () => {
  const all = Array.from({ length: slotCount }, (_, slot) => taken(slot));
  assert.throws(() => chooseSlot(all, wish, plenty), /all 64 network slots are in use/);
});

Deno.test("memory that running machines were promised and have not touched is not free", () => {
  const memory = { availableMB: 3000, unusedOfRunningMB: 2500 };
  assert.throws(
    () => chooseSlot([taken(0)], wish, memory),
    /wants 1000 MB and 500 MB are free, 1 running machine counted in/,
  );
  assert.equal(chooseSlot([taken(0)], { ...wish, memoryMB: 500 }, memory).slot, 1);
});

Deno.test("claims are written, read with their owner's life, and given back by their machine only", async () => {
  await using place = await SlotsForTest.make();
  const { host } = place;
  const self = await place.self();
  await writeSlotOwner(host, place, 5, claimOf(host, "mine", self, 10));
  await writeSlotOwner(host, place, 6, claimOf(host, "dead", { ...self, startTime: "x" }, 10));
  const states = await readSlots(host, place);
  assert.deepEqual(
    states.map(({ slot, isOwnerAlive }) => [slot, isOwnerAlive]),
    [[5, true], [6, false]],
  );
  await releaseSlot(host, place, 5, "another");
  assert.equal((await readSlots(host, place)).length, 2);
  await releaseSlot(host, place, 5, "mine");
  assert.equal((await readSlots(host, place)).length, 1);
});

Deno.test("a record survives writing and reading; a changed one is refused by name", () => {
  const text = JSON.stringify(exampleRecord);
  assert.deepEqual(parseRecord(text, "r.json"), exampleRecord);
  for (const bad of ["", "{", text.replace('"version":3', '"version":1'), '{"a":"$(id)"}']) {
    assert.throws(() => parseRecord(bad, "r.json"), /r\.json is not a record of this version/);
  }
});

Deno.test("a record of a machine that an older nixbox started is read, so that it can be torn down", () => {
  const old = JSON.stringify(exampleRecord)
    .replace('"version":3', '"version":2').replace('"kind":"tap",', "");
  assert.deepEqual(parseRecord(old, "r.json"), exampleRecord);
});
