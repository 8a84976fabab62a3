import { messageOf, NixboxError } from "../../base/error.ts";
import { fileError } from "../../host/files/files.ts";
import { nameOf } from "../../base/paths.ts";
import { type Emit, tellStep } from "../../base/progress.ts";
import { remoteCommand } from "../../guest/quote.ts";
import { runInGuest } from "../../guest/session.ts";
import { lastLines } from "../../host/process/run.ts";
import type { VmRecord } from "../../state/record.ts";

export interface GuestScript {
  /** On the host. */
  readonly path: string;
  readonly optional: boolean;
  readonly content: Uint8Array<ArrayBuffer>;
}

/**
 * Reads the config's scripts, before there is a guest that could put something else in their place.
 *
 * @throws {NixboxError} if one is not there, or no file.
 */
export async function readScripts(
  scripts: readonly { readonly path: string; readonly optional: boolean }[],
): Promise<readonly GuestScript[]> {
  return await Promise.all(scripts.map(async ({ path, optional }) => {
    try {
      const { isFile } = await Deno.stat(path);
      if (isFile) return { path, optional, content: await Deno.readFile(path) };
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) {
        throw fileError(`${path} cannot be read`, error);
      }
    }
    throw new NixboxError(`there is no script ${path}`, {
      where: "scripts",
      hint: "fix the path; it counts from the file that names it",
    });
  }));
}

// The script arrives on stdin and becomes its own file, so that its interpreter line counts
// and its name on the host does not. All its output comes by stderr, in order, as
// lines of progress.
const runFromStdin = 'f=$(mktemp) || exit 1; cat >"$f"; chmod 700 "$f"; ' +
  '"$f" </dev/null >&2; s=$?; rm -f "$f"; exit $s';

/**
 * Runs the config's scripts in the guest, in order, as the user, from the home directory.
 *
 * @throws {NixboxError} at the first script that fails and is not optional.
 */
export async function runScripts(
  record: VmRecord,
  scripts: readonly GuestScript[],
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  for (const script of scripts) {
    const step = `run ${nameOf(script.path)}`;
    try {
      await tellStep(emit, step, () => runScript(record, script, step, emit, signal));
    } catch (error) {
      if (!script.optional || signal.aborted) throw error;
      emit({ kind: "warning", message: `${messageOf(error)} (optional: going on)` });
    }
  }
}

async function runScript(
  record: VmRecord,
  { path, content }: GuestScript,
  step: string,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> {
  const command = remoteCommand([runFromStdin], record.guest.home);
  const { code, stderr } = await runInGuest(record.runtimeDirectory, command, {
    stdin: content,
    signal,
    onStderrLine: (line) => emit({ kind: "output", step, line }),
  });
  if (code === 0) return;
  throw new NixboxError(`the script ${path} failed in the guest (exit ${code})`, {
    where: "scripts",
    hint: "fix the script, or mark it { path = ...; optional = true; }",
    log: lastLines(stderr, 10),
  });
}
