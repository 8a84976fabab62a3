import assert from "node:assert/strict";
import { down } from "../../../lib/lifecycle/up/down.ts";
import { clearClaims, hasStrayClaims } from "../../../lib/lifecycle/up/discard.ts";
import { unfinishedClaims } from "../../../lib/state/claims.ts";
import { claimOf, writeSlotOwner } from "../../../lib/state/slots.ts";
import { statePaths, unfinishedRecordIds } from "../../../lib/state/store.ts";
import { SlotsForTest } from "../support/slots.ts";

const mine = "0123456789ab";

Deno.test("claims that were being written are found by their slots, and other files are not", async () => {
  await using slots = await SlotsForTest.make();
  for (const name of ["3", "3.0123abcd.new", "4.new", "x.new", "5.other"]) {
    await Deno.writeTextFile(`${slots.directory}/slots/${name}`, "{");
  }
  const found = unfinishedClaims(slots).map(({ slot, path }) => [slot, path.split("/").at(-1)]);
  assert.deepEqual(found.sort(), [[3, "3.0123abcd.new"], [4, "4.new"]]);
  assert.deepEqual(unfinishedClaims({ directory: "/nowhere" }), []);
});

Deno.test("a machine without a record has its own claims cleared, and nobody else's", async () => {
  await using slots = await SlotsForTest.make();
  const { host } = slots;
  const self = await slots.self();
  // Slots that no machine of this host's has.
  await writeSlotOwner(host, slots, 61, claimOf(host, "ffffffffffff", self, 1));
  assert.equal(await hasStrayClaims(host, slots, mine), false);
  await Deno.writeTextFile(`${slots.file(61)}.0123abcd.new`, "{");
  await Deno.writeTextFile(`${slots.file(62)}.0123abcd.new`, "{");
  assert.equal(await hasStrayClaims(host, slots, mine), true);
  await clearClaims(host, slots, mine);
  const left = [...Deno.readDirSync(`${slots.directory}/slots`)].map(({ name }) => name).sort();
  // That of a claim that is there may be written on by its machine.
  assert.deepEqual(left, ["61", "61.0123abcd.new"]);
});

Deno.test("down removes a record that was never finished", async () => {
  await using slots = await SlotsForTest.make();
  const state = `${slots.directory}/state`;
  const host = { ...slots.host, paths: { ...slots.host.paths, state } };
  const { record } = statePaths(host, mine);
  await Deno.mkdir(`${state}/machines`, { recursive: true, mode: 0o700 });
  await Deno.writeTextFile(`${record}.0123abcd.new`, "{");
  assert.deepEqual(await unfinishedRecordIds(host), [mine]);
  const { stop } = await down(host, mine, { place: slots }, () => {});
  assert.equal(stop, "nothing to stop");
  assert.deepEqual(await unfinishedRecordIds(host), []);
});
