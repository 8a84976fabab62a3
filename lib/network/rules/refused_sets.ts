import * as z from "../../base/zod.ts";
import { linesAsRoot } from "../../host/root/as_root.ts";
import type { Host } from "../../host/host.ts";
import { rootProgram } from "../../host/process/programs.ts";
import type { SlotAddresses } from "../policy/addresses.ts";
import { inNamespace, runInNamespace } from "../namespace/namespace.ts";
import type { RefusedAddress, RefusedBy } from "./refusals.ts";

const value = z.union([z.string(), z.number()]);
const element = z.object({
  val: z.object({ concat: z.array(value) }),
  expires: z.optional(z.number()),
  counter: z.optional(z.object({ packets: z.number() })),
});
const elementOf = z.object({ elem: element });
const listing = z.object({
  nftables: z.array(z.object({
    set: z.optional(z.object({
      name: z.string(),
      // Other sets have elements of other shapes.
      elem: z.optional(z.array(z.unknown())),
    })),
  })),
});

const kinds: readonly RefusedBy[] = [
  ...([
    "host",
    "machine",
    "private",
    "address",
    "other",
    "ipv6",
    "length",
    "quota",
    "rate",
  ] as const),
];

type Slot = Pick<SlotAddresses, "namespace" | "table">;

/** Seconds that a refusal is remembered (lib/network/firewall.ts). */
const memorySeconds = 24 * 60 * 60;

/** What a slot's firewall has refused in the last day; root's to see. */
export async function readRefusedSets(host: Host, slot: Slot): Promise<RefusedAddress[]> {
  // Without the rules' chains (--terse would leave the elements out).
  const { code, stdout } = await runInNamespace(
    host,
    slot,
    ["nft", "--json", "list", "table", "inet", slot.table],
    undefined,
    { accept: "any" },
  );
  return code === 0 ? parseRefusedSets(stdout, Date.now()) : [];
}

/** Prints the table twice a second, a line each time, until it is gone or nobody reads. */
const lookAgain = 'while "$0" --json list table inet "$1"; do sleep 0.5; done';

/** As {@linkcode readRefusedSets}, twice a second by one command of root's. Ends with the table. */
export async function* watchRefusedSets(
  host: Host,
  slot: Slot,
): AsyncGenerator<RefusedAddress[]> {
  const argv = ["sh", "-c", lookAgain, rootProgram("nft"), slot.table];
  for await (const line of linesAsRoot(host, inNamespace(slot.namespace, argv))) {
    yield parseRefusedSets(line, Date.now());
  }
}

/** Reads `nft --json list table`; an element's time is known from when it expires. */
export function parseRefusedSets(json: string, now: number): RefusedAddress[] {
  return listing.parse(JSON.parse(json)).nftables.flatMap(({ set }) => {
    const by = kinds.find((kind) => set?.name === `refused_${kind}`);
    if (by === undefined) return [];
    return (set?.elem ?? []).map((one) => entry(by, elementOf.parse(one).elem, now));
  });
}

function entry(by: RefusedBy, elem: z.infer<typeof element>, now: number): RefusedAddress {
  const [address, protocol, port] = elem.val.concat;
  const ageSeconds = memorySeconds - (elem.expires ?? memorySeconds);
  return {
    by,
    address: `${address}`,
    protocol: `${protocol}`,
    ...(port === undefined ? {} : { port: Number(port) }),
    count: elem.counter?.packets ?? 1,
    time: now - ageSeconds * 1000,
  };
}

/** How many addresses the answers of DNS have allowed now; root's to see. */
export async function countAllowed(host: Host, slot: Slot): Promise<number> {
  const argv = ["nft", "--json", "list", "set", "inet", slot.table, "allow4"];
  const { code, stdout } = await runInNamespace(host, slot, argv, undefined, { accept: "any" });
  return code === 0 ? [...stdout.matchAll(/"val"/g)].length : 0;
}
