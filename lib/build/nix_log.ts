import * as z from "../base/zod.ts";

/**
 * What one line of `nix --log-format internal-json` tells. `id` tells activities of one call apart.
 */
export type NixLogEvent =
  | { readonly kind: "message"; readonly level: number; readonly text: string }
  /** A derivation is being built; `path` is its .drv. */
  | { readonly kind: "build"; readonly id: number; readonly path: string }
  /** A store path is being fetched or copied. */
  | { readonly kind: "copy"; readonly path: string }
  /** A line that the builder of activity `id` printed. */
  | { readonly kind: "log"; readonly id: number; readonly line: string }
  /** The activity that counts all builds has begun. */
  | { readonly kind: "builds"; readonly id: number }
  | {
    readonly kind: "progress";
    readonly id: number;
    readonly done: number;
    readonly expected: number;
  };

const fields = z.array(z.union([z.string(), z.number()]));
const lineSchema = z.union([
  z.object({ action: z.literal("msg"), level: z.number(), msg: z.string() }),
  z.object({
    action: z.literal("start"),
    id: z.number(),
    type: z.number(),
    fields: z._default(fields, []),
  }),
  z.object({ action: z.literal("result"), id: z.number(), type: z.number(), fields }),
]);

/** Activity and result types of Nix's logger (src/libutil/logging.hh). */
const activityCopyPath = 100;
const activityBuilds = 104;
const activityBuild = 105;
const resultBuildLogLine = 101;
const resultProgress = 105;

/**
 * Reads one line of Nix's log. Lines without the mark `@nix` are messages; activities that tell
 * people nothing give `undefined`.
 */
export function parseNixLog(line: string): NixLogEvent | undefined {
  if (!line.startsWith("@nix ")) {
    return line.trim() === "" ? undefined : { kind: "message", level: 0, text: line };
  }
  const event = parseLine(line.slice(5));
  if (event === undefined) return undefined;
  if (event.action === "msg") return { kind: "message", level: event.level, text: event.msg };
  const { action, id, type, fields: [first = "", second = 0] } = event;
  if (action === "result") {
    if (type === resultBuildLogLine) return { kind: "log", id, line: String(first) };
    if (type !== resultProgress) return undefined;
    return { kind: "progress", id, done: Number(first), expected: Number(second) };
  }
  if (type === activityBuilds) return { kind: "builds", id };
  if (type === activityBuild) return { kind: "build", id, path: String(first) };
  if (type === activityCopyPath) return { kind: "copy", path: String(first) };
  return undefined;
}

function parseLine(text: string): z.infer<typeof lineSchema> | undefined {
  try {
    return lineSchema.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** "vm-runner" of "/nix/store/HASH-vm-runner.drv". */
export function storeName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/^[0-9a-z]{32}-/, "").replace(/\.drv$/, "");
}
