import { buildCommand } from "./stricli.ts";
import type { Host } from "../lib/host/host.ts";
import { isWithin } from "../lib/base/paths.ts";
import { type CommandLineContext, hostOnly } from "./context.ts";
import { duration, follow } from "./progress.ts";
import { parseSeconds } from "./parse.ts";
import { reportFailure } from "./report.ts";

interface Flags {
  readonly all: boolean;
  readonly force: boolean;
  readonly forget: boolean;
  readonly timeout?: number;
}

export const command = buildCommand<Flags, [], CommandLineContext>({
  docs: {
    brief: "stop the machine and clean up after it",
    fullDescription:
      `Stops this project's machine: asks the guest, then presses its power button, then
ends it by force; 15 seconds at most. Works with a broken config, a dead machine and a half-made one,
and ends an \`up\` that is under way.
The machine's disk stays, so that the next \`nixbox up\` finds what was installed and built in the
guest; \`--forget\` removes it, with the logs and the build.

EXAMPLES
  nixbox down
  nixbox down --force          do not ask the guest
  nixbox down --forget         remove its disk, logs and build, too
  nixbox down --all            every machine of yours that there is (with --forget, of those)`,
  },
  parameters: {
    flags: {
      all: {
        kind: "boolean",
        brief: "stop all of your machines",
        default: false,
        withNegated: false,
      },
      force: { kind: "boolean", brief: "end it at once", default: false, withNegated: false },
      forget: {
        kind: "boolean",
        brief: "remove its disk, logs and build, too",
        default: false,
        withNegated: false,
      },
      timeout: {
        kind: "parsed",
        parse: parseSeconds,
        optional: true,
        brief: "how long the guest may take, 9 at most",
        placeholder: "SECONDS",
      },
    },
  },
  func: async function (flags) {
    const { globals, terminal } = this;
    const host = await hostOnly();
    const ids = flags.all ? await allIds(host) : [await projectId(this, host)];
    const { down } = await import("../lib/lifecycle/up/down.ts");
    const { Operation } = await import("../lib/lifecycle/machine/operation.ts");
    const options = {
      force: flags.force,
      forget: flags.forget,
      ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout * 1000 }),
    };
    const results = [];
    for (const id of ids) {
      const startedAt = performance.now();
      try {
        const operation = new Operation((emit) => down(host, id, options, emit));
        const result = await follow(terminal, globals, operation);
        results.push({ id, ...result });
        if (globals.quiet || globals.json) continue;
        const name = result.name === undefined
          ? "this project's machine"
          : terminal.paint.bold(result.name);
        const how = {
          graceful: `is down (${duration(performance.now() - startedAt)})`,
          forced: `was ended by force (${duration(performance.now() - startedAt)})`,
          "was dead": "was dead; what it left is cleared",
          "was starting": "was starting; that was ended, and is undone",
          "nothing to stop": "is not up",
        }[result.stop];
        const { forgotten = [] } = result;
        const gone = forgotten.length === 0 ? "" : `; removed: ${forgotten.join(", ")}`;
        terminal.printError(`${name} ${how}${gone}`);
      } catch (error) {
        // One that cannot be stopped must not keep the others up.
        this.exitCode = reportFailure(terminal, globals, error);
      }
    }
    if (globals.json) terminal.printJson(flags.all ? results : results[0] ?? null);
  },
});

async function allIds(host: Host): Promise<readonly string[]> {
  const { recordIds } = await import("../lib/state/store.ts");
  return await recordIds(host);
}

/** Finds the machine even where the project's config has gone: by the directories of the records. */
async function projectId(context: CommandLineContext, host: Host): Promise<string> {
  const { findProject, projectAt } = await import("../lib/config/find.ts");
  const start = context.globals.project ?? Deno.cwd();
  try {
    const found = context.globals.project === undefined
      ? await findProject(host, start)
      : await projectAt(host, start);
    return found.id;
  } catch (error) {
    const { listRecords } = await import("../lib/state/store.ts");
    const { records } = await listRecords(host);
    const real = await Deno.realPath(start).catch(() => start);
    const record = records.find(({ project }) => isWithin(real, project));
    if (record === undefined) throw error;
    return record.id;
  }
}
