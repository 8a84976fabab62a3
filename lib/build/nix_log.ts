import * as z from "zod/mini";

/** What one line of `nix --log-format internal-json` tells. */
export type NixLogEvent =
  | { readonly kind: "message"; readonly level: number; readonly text: string }
  /** A derivation is being built; `name` is its store name without the hash. */
  | { readonly kind: "build"; readonly name: string }
  | { readonly kind: "download"; readonly name: string }
  /** A line that a builder printed. */
  | { readonly kind: "log"; readonly line: string };

const lineSchema = z.union([
  z.object({ action: z.literal("msg"), level: z.number(), msg: z.string() }),
  z.object({
    action: z.literal("start"),
    type: z.number(),
    text: z.string(),
    fields: z.optional(z.array(z.union([z.string(), z.number()]))),
  }),
  z.object({
    action: z.literal("result"),
    type: z.number(),
    fields: z.array(z.union([z.string(), z.number()])),
  }),
]);

/** Activity and result types of Nix's logger (src/libutil/logging.hh). */
const activityCopyPath = 100;
const activityBuild = 105;
const resultBuildLogLine = 101;

/**
 * Reads one line of Nix's log. Lines without the mark `@nix` are messages; activities that tell
 * people nothing give `undefined`.
 */
export function parseNixLog(line: string): NixLogEvent | undefined {
  if (!line.startsWith("@nix ")) {
    return line.trim() === "" ? undefined : { kind: "message", level: 0, text: line };
  }
  let json: unknown;
  try {
    json = JSON.parse(line.slice(5));
  } catch {
    return undefined;
  }
  const parsed = lineSchema.safeParse(json);
  if (!parsed.success) return undefined;
  const event = parsed.data;
  if (event.action === "msg") return { kind: "message", level: event.level, text: event.msg };
  const name = storeName(String(event.fields?.[0] ?? ""));
  if (event.action === "result") {
    return event.type === resultBuildLogLine
      ? { kind: "log", line: String(event.fields[0] ?? "") }
      : undefined;
  }
  if (event.type === activityBuild) return { kind: "build", name };
  if (event.type === activityCopyPath) return { kind: "download", name };
  return undefined;
}

/** "vm-runner" of "/nix/store/HASH-vm-runner.drv". */
export function storeName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/^[0-9a-z]{32}-/, "").replace(/\.drv$/, "");
}
