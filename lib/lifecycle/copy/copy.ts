import { NixboxError } from "../../base/error.ts";
import type { Host } from "../../host/host.ts";
import type { Emit } from "../../base/progress.ts";
import { requireGoing } from "../machine/machine.ts";
import { copyIn, streamIn } from "./copy_in.ts";
import { copyOut, streamOut } from "./copy_out.ts";

/** One end of a copy. */
export type CopyEnd =
  | { readonly kind: "guest"; readonly path: string }
  | { readonly kind: "host"; readonly path: string }
  | { readonly kind: "stream" };

/** How files are copied. */
export interface CopyOptions {
  /** What a relative path of the host counts from. */
  readonly directory: string;
  readonly signal?: AbortSignal;
  /** For `-`: where bytes come from and go to. */
  readonly stdin?: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly stdout?: WritableStream<Uint8Array<ArrayBuffer>>;
}

/** `vm:PATH` is the guest's, `-` standard input or output, everything else the host's. */
export function parseCopyEnd(text: string): CopyEnd {
  if (text === "-") return { kind: "stream" };
  // deno-lint-ignore no-control-regex -- a NUL can be in no path
  if (/\x00/.test(text) || text === "") {
    throw new NixboxError("an empty path names nothing", { exitCode: 2 });
  }
  if (text.startsWith("vm:")) return { kind: "guest", path: text.slice(3) || "." };
  return { kind: "host", path: text };
}

/**
 * Copies files or whole directories into the guest or out of it, with modes and times. As cp(1)
 * does: into a destination that is a directory, else to that name. Symlinks stay what they are.
 *
 * @throws {NixboxError} before anything is written, if the ends do not fit.
 */
export async function copyFiles(
  host: Host,
  id: string,
  sources: readonly string[],
  destination: string,
  options: CopyOptions,
  emit: Emit,
): Promise<void> {
  const to = parseCopyEnd(destination);
  const from = sources.map(parseCopyEnd);
  for (const end of from) checkPair(end, to, from.length);
  const record = await requireGoing(host, id);
  for (const end of from) {
    const work = { host, record, options, emit, isOneOfMany: from.length > 1 };
    if (to.kind === "guest") {
      if (end.kind === "stream") await streamIn(work, to.path);
      else if (end.kind === "host") await copyIn(work, end.path, to.path);
    } else if (end.kind === "guest") {
      if (to.kind === "stream") await streamOut(work, end.path);
      else await copyOut(work, end.path, to.path);
    }
  }
}

function checkPair(from: CopyEnd, to: CopyEnd, count: number): void {
  const wrong = (message: string, hint: string) => new NixboxError(message, { hint, exitCode: 2 });
  if (from.kind === "guest" && to.kind === "guest") {
    throw wrong("both ends are the machine's", "copy inside it: `nixbox run -- cp -a SRC DST`");
  }
  if (from.kind !== "guest" && to.kind !== "guest") {
    throw wrong("neither end is the machine's", "write vm:PATH for a path of the machine");
  }
  if (count > 1 && (from.kind === "stream" || to.kind === "stream")) {
    throw wrong("- takes one file", "copy the files one by one");
  }
}
