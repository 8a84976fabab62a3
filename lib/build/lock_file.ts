import * as z from "../base/zod.ts";
import { NixboxError } from "../base/error.ts";
import { parseJson } from "../base/json.ts";

/** What of a flake.lock (version 7, the Nix manual's "Lock files") says where an input is. */
const lockSchema = z.object({
  nodes: z.record(
    z.string(),
    z.object({
      inputs: z.optional(z.record(z.string(), z.union([z.string(), z.array(z.string())]))),
      locked: z.optional(z.object({
        rev: z.optional(z.string()),
        narHash: z.optional(z.string()),
        lastModified: z.optional(z.number()),
      })),
    }),
  ),
  root: z.string(),
});

/** One version of a flake input. */
export interface LockedInput {
  /** Its revision, or the hash of its files where it has none. */
  readonly version: string;
  /** Of its last change: YYYY-MM-DD; empty where the lock does not say. */
  readonly date: string;
}

/** How one input has changed. */
export interface InputChange {
  readonly input: string;
  /** `undefined` for one that is new. */
  readonly from: LockedInput | undefined;
  readonly to: LockedInput;
}

/** The flake's own inputs, by name; `undefined` if the text is not a lock file. */
export function lockedInputs(text: string): ReadonlyMap<string, LockedInput> | undefined {
  const parsed = lockSchema.safeParse(parseJson(text));
  if (!parsed.success) return undefined;
  const { nodes, root } = parsed.data;
  const inputs = new Map<string, LockedInput>();
  for (const [name, target] of Object.entries(nodes[root]?.inputs ?? {})) {
    const locked = typeof target === "string" ? nodes[target]?.locked : undefined;
    if (locked === undefined) continue;
    const { rev, narHash, lastModified } = locked;
    const date = lastModified === undefined
      ? ""
      : new Date(lastModified * 1000).toISOString().slice(0, 10);
    inputs.set(name, { version: rev ?? narHash ?? "", date });
  }
  return inputs;
}

/**
 * Checks that a project's lock fits nixbox's flake. Nix itself would go and fetch what is missing,
 * only to say that it may not write it down.
 *
 * @param own The lock that comes with nixbox, which has every input.
 * @throws {NixboxError} if it is not a lock, or lacks an input.
 */
export function requireWholeLock(text: string, own: string, file: string): void {
  const inputs = lockedInputs(text);
  if (inputs === undefined) {
    throw new NixboxError("this is not a lock file of Nix", {
      where: file,
      hint: "put back what your version control has, or remove it: " +
        "the next build then starts from nixbox's own",
    });
  }
  const missing = [...lockedInputs(own)?.keys() ?? []].filter((name) => !inputs.has(name));
  if (missing.length === 0) return;
  throw new NixboxError(`the lock lacks the input ${missing.join(", ")}`, {
    where: file,
    hint: "`nixbox update` adds what is missing and renews the rest",
  });
}

/** What is another in the new lock. */
export function lockChanges(before: string, after: string): readonly InputChange[] {
  const old = lockedInputs(before);
  return [...lockedInputs(after) ?? []].flatMap(([input, to]) => {
    const from = old?.get(input);
    return from?.version === to.version ? [] : [{ input, from, to }];
  });
}

/**
 * The sources in a lock that nixbox's own lock has not: a line for each, with where it comes from.
 * An input decides what is built, and by that what runs as the hypervisor.
 */
export function foreignInputs(text: string, own: string): readonly string[] {
  const known = new Set([...lockedNodes(own) ?? []].map(([, locked]) => canonical(locked)));
  const nodes = lockedNodes(text);
  if (nodes === undefined) return ["a flake.lock that cannot be read"];
  return [...nodes].filter(([, locked]) => !known.has(canonical(locked)))
    .map(([name, locked]) => `${name}: ${sourceOf(locked)}`);
}

type Locked = Readonly<Record<string, unknown>>;

/** Own properties only: a node may be called `__proto__`. */
function lockedNodes(text: string): ReadonlyMap<string, Locked> | undefined {
  const nodes = ownProperty(parseJson(text), "nodes");
  if (typeof nodes !== "object" || nodes === null) return undefined;
  const found = new Map<string, Locked>();
  for (const [name, node] of Object.entries(nodes)) {
    const locked = ownProperty(node, "locked");
    if (typeof locked === "object" && locked !== null) found.set(name, { ...locked });
  }
  return found;
}

function ownProperty(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined;
}

function canonical(locked: Locked): string {
  return JSON.stringify(Object.entries(locked).sort(([a], [b]) => a < b ? -1 : 1));
}

/** "github:NixOS/nixpkgs 6438…", in the manner of a flake reference. */
function sourceOf(locked: Locked): string {
  const word = (key: string) => typeof locked[key] === "string" ? locked[key] : undefined;
  const place = word("url") ?? word("path") ??
    [word("owner"), word("repo")].filter((part) => part !== undefined).join("/");
  return `${word("type") ?? "input"}:${place} ${word("rev") ?? word("narHash") ?? "(not pinned)"}`;
}
