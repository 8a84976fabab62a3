import { type Emit, tellStep } from "../../base/progress.ts";
import { configDirectoryOf } from "../../config/find.ts";
import { messageOf, NixboxError } from "../../base/error.ts";
import { exists } from "../../host/files/files.ts";
import { run } from "../../host/process/run.ts";
import { sshPaths } from "../../guest/ssh.ts";
import { changedFile, type HostFile } from "../trust/host_files.ts";

export type HookEvent = "pre-up" | "post-up" | "pre-down" | "post-down";

/** What a hook learns from its environment. */
export interface HookSubject {
  readonly name: string;
  readonly project: string;
  /** The guest's address; absent before there is one, and where it is not reached by one. */
  readonly address?: string;
  readonly runtimeDirectory?: string;
}

/**
 * Runs the hooks of one event on the host, each by `sh -c`, in `.nixbox`, which no guest can write to
 * on Linux, with stdin closed. A hook that fails is told as a warning; the others still run.
 *
 * @param files What they may run: if one of these is not as it was accepted, no hook runs.
 */
export async function runHooks(
  event: HookEvent,
  hooks: readonly string[],
  files: readonly HostFile[],
  subject: HookSubject,
  emit: Emit,
  signal?: AbortSignal,
): Promise<void> {
  for (const hook of hooks) {
    const step = `${event} hook`;
    try {
      await tellStep(emit, step, async () => {
        await requireUnchanged(files);
        const { stdout } = await run(["sh", "-c", hook], {
          cwd: await hookDirectory(subject.project),
          env: hookEnvironment(event, subject),
          onStderrLine: (line) => emit({ kind: "output", step, line }),
          ...(signal === undefined ? {} : { signal }),
        });
        for (const line of stdout.split("\n")) {
          if (line !== "") emit({ kind: "output", step, line });
        }
      });
    } catch (error) {
      if (signal?.aborted) throw error;
      emit({ kind: "warning", message: `${event} hook: ${messageOf(error)}` });
    }
  }
}

async function hookDirectory(project: string): Promise<string> {
  const directory = configDirectoryOf(project);
  // A machine whose project is gone is still torn down.
  return await exists(directory) ? directory : "/";
}

async function requireUnchanged(files: readonly HostFile[]): Promise<void> {
  const changed = await changedFile(files);
  if (changed === undefined) return;
  throw new NixboxError(`not run: ${changed} has changed since it was accepted`);
}

/** What hooks and plugins' commands learn; an event is a hook's only. */
export function hookEnvironment(
  event: HookEvent | undefined,
  subject: HookSubject,
): Record<string, string> {
  return {
    ...(event === undefined ? {} : { NIXBOX_EVENT: event }),
    NIXBOX_NAME: subject.name,
    NIXBOX_PROJECT: subject.project,
    ...(subject.address === undefined ? {} : { NIXBOX_ADDRESS: subject.address }),
    ...(subject.runtimeDirectory === undefined
      ? {}
      : { NIXBOX_SSH_CONFIG: sshPaths(subject.runtimeDirectory).config }),
  };
}
