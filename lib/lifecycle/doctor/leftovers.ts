import * as z from "../../base/zod.ts";
import type { Host } from "../../host/host.ts";
import { isAlive } from "../../host/root/end_process.ts";
import { exists } from "../../host/files/files.ts";
import { checkPrivateDirectory } from "../../host/files/private_directory.ts";
import type { Emit } from "../../base/progress.ts";
import { run, toolMs } from "../../host/process/run.ts";
import { slotAddresses } from "../../network/policy/addresses.ts";
import { dnsmasqPaths } from "../../network/dns/dnsmasq.ts";
import { tapsInDocker } from "../../network/docker.ts";
import { namespacePath } from "../../network/namespace/namespace.ts";
import { unfinishedClaims } from "../../state/claims.ts";
import { hasTap, type VmRecord } from "../../state/record.ts";
import {
  lockSlots,
  readSlotOwner,
  readSlots,
  slotCount,
  type SlotPlace,
} from "../../state/slots.ts";
import { readAtWork } from "../../state/at_work.ts";
import {
  listRecords,
  lockProject,
  readRecord,
  statePaths,
  unfinishedRecordIds,
  writeRecord,
} from "../../state/store.ts";
import { clearSlot } from "../boot/linux/claim.ts";
import { discardMachine } from "../up/discard.ts";
import { machineState } from "../machine/machine.ts";
import { startMachineWatch } from "../machine/machine_watch.ts";
import { requireGone, tearDown } from "../boot/teardown.ts";

/** Something that a crash left behind. */
export type Leftover =
  | { readonly kind: "machine"; readonly description: string; readonly record: VmRecord }
  | { readonly kind: "watch"; readonly description: string; readonly record: VmRecord }
  | { readonly kind: "record"; readonly description: string; readonly id: string }
  /** A record that nobody writes on. */
  | { readonly kind: "unfinished"; readonly description: string; readonly id: string }
  | { readonly kind: "slot"; readonly description: string; readonly slot: number };

/** Finds machines that are dead or half-made, and namespaces, rules and claims that nobody owns. */
export async function findLeftovers(host: Host, place: SlotPlace): Promise<readonly Leftover[]> {
  const found: Leftover[] = [];
  const { records, problems, unreadable } = await listRecords(host);
  for (const [index, id] of unreadable.entries()) {
    found.push({ kind: "record", description: problems[index] ?? id, id });
  }
  for (const id of await unfinishedRecordIds(host)) {
    const atWork = readAtWork(host, statePaths(host, id).lock);
    if (atWork !== undefined && await isAlive(host, atWork.process)) continue;
    found.push({ kind: "unfinished", description: `the record of ${id} was never finished`, id });
  }
  for (const record of records) {
    const state = await machineState(host, record);
    if (state === "running" && await lacksWatch(host, record)) {
      const description = `the watch of the machine ${record.name} has ended: its logs and what ` +
        "it takes of this host have no bound";
      found.push({ kind: "watch", description, record });
    }
    if (state === "running" || state === "starting" || state === "stopping") continue;
    found.push({ kind: "machine", description: `the machine ${record.name} is ${state}`, record });
  }
  const known = new Set(
    found.map((left) =>
      left.kind === "machine" && hasTap(left.record) ? left.record.network.slot : -1
    ),
  );
  for (const slot of await orphanedSlots(host, place)) {
    if (known.has(slot)) continue;
    const { link } = slotAddresses(slot);
    found.push({ kind: "slot", description: `network slot ${slot} (${link}) has no owner`, slot });
  }
  return found;
}

/** A machine that an older nixbox started may have none. */
async function lacksWatch(host: Host, { watch }: VmRecord): Promise<boolean> {
  return watch !== undefined && !await isAlive(host, watch);
}

/** Slots with a claim, a namespace or a table whose owner is gone. */
async function orphanedSlots(host: Host, place: SlotPlace): Promise<readonly number[]> {
  if (!await exists(place.directory)) return [];
  const states = await readSlots(host, place);
  const isOwned = new Set(states.filter((state) => state.isOwnerAlive).map(({ slot }) => slot));
  const isForeign = new Set(states.filter(({ owner }) => owner.uid === -1).map(({ slot }) => slot));
  const used = new Set([...states, ...unfinishedClaims(place)].map(({ slot }) => slot));
  for (let slot = 0; slot < slotCount; slot++) {
    const { link, namespace } = slotAddresses(slot);
    if (await exists(`/sys/class/net/${link}`)) used.add(slot);
    if (await exists(namespacePath(namespace))) used.add(slot);
  }
  for (const slot of await slotsWithFiles(place)) used.add(slot);
  for (const slot of await slotsWithTables(host)) used.add(slot);
  for (const slot of await slotsInDocker(host)) used.add(slot);
  return [...used].filter((slot) => !isOwned.has(slot) && !isForeign.has(slot)).sort((a, b) =>
    a - b
  );
}

/** Slots whose services have written files. */
async function slotsWithFiles(place: SlotPlace): Promise<readonly number[]> {
  const slots: number[] = [];
  for (let slot = 0; slot < slotCount; slot++) {
    if (await exists(dnsmasqPaths(place.directory, slot).directory)) slots.push(slot);
  }
  return slots;
}

/** Slots with rules in Docker's chain; listing them needs root. */
async function slotsInDocker(host: Host): Promise<readonly number[]> {
  if (host.user.uid !== 0) return [];
  return (await tapsInDocker(host)).map((tap) => Number(tap.slice("nbx".length)));
}

const tablesSchema = z.object({
  nftables: z.array(z.object({ table: z.optional(z.object({ name: z.string() })) })),
});

/** nixbox's tables, by name; listing needs root, so an ordinary user finds none. */
async function slotsWithTables(host: Host): Promise<readonly number[]> {
  const nft = await host.which("nft");
  if (nft === undefined || host.user.uid !== 0) return [];
  const { code, stdout } = await run([nft, "-j", "list", "tables"], {
    accept: "any",
    timeoutMs: toolMs,
  });
  if (code !== 0) return [];
  return tablesSchema.parse(JSON.parse(stdout)).nftables.flatMap(({ table }) => {
    const slot = /^nixbox_s(\d+)$/.exec(table?.name ?? "")?.[1];
    return slot === undefined ? [] : [Number(slot)];
  });
}

/** Clears one leftover. What has come to life since it was found is left alone. */
export async function clearLeftover(
  host: Host,
  place: SlotPlace,
  leftover: Leftover,
  emit: Emit,
): Promise<void> {
  if (leftover.kind === "machine") {
    const { id } = leftover.record;
    const lock = await lockProject(host, id, { timeoutMs: 5000 });
    try {
      const record = await readRecord(host, id);
      if (record === undefined || await machineState(host, record) === "running") return;
      await tearDown(host, place, record, emit);
      await requireGone(host, record);
    } finally {
      lock.release();
    }
    return;
  }
  if (leftover.kind === "watch") return await watchAgain(host, leftover.record.id);
  if (leftover.kind === "unfinished") {
    // Whoever has the lock removes it.
    (await lockProject(host, leftover.id, { timeoutMs: 5000 })).release();
    return;
  }
  if (leftover.kind === "record") {
    await discardMachine(host, place, leftover.id);
    return;
  }
  const lock = await lockSlots(host, place);
  try {
    const owner = readSlotOwner(place, leftover.slot);
    if (owner !== undefined && await isAlive(host, owner.process)) return;
    await clearSlot(host, place, leftover.slot, owner);
  } finally {
    lock.release();
  }
}

/** A machine that stood still without its watch goes on then, once there is room. */
async function watchAgain(host: Host, id: string): Promise<void> {
  const lock = await lockProject(host, id, { timeoutMs: 5000 });
  try {
    const record = await readRecord(host, id);
    if (record?.vmm === undefined || await machineState(host, record) !== "running") return;
    if (!await lacksWatch(host, record)) return;
    await checkPrivateDirectory(record.runtimeDirectory, host.user.uid);
    await writeRecord(host, {
      ...record,
      watch: await startMachineWatch(host, record, record.vmm),
    });
  } finally {
    lock.release();
  }
}
