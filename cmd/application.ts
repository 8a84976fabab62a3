import {
  type Application,
  buildApplication,
  buildRouteMap,
  type Command,
  type RouteMap,
  run,
  text_en,
} from "./stricli.ts";
import { commands } from "./commands.ts";
import type { CommandLineContext } from "./context.ts";
import { version } from "./version.ts";

/** Builds the application with one command, or with all for help, completion and suggestions. */
export async function buildCommandLine(
  only: string | undefined,
): Promise<Application<CommandLineContext>> {
  const routes: Record<string, Command<CommandLineContext> | RouteMap<CommandLineContext>> = {};
  const hideRoute: Record<string, boolean> = {};
  const entries = Object.entries(commands).filter(([name]) => only === undefined || name === only);
  await Promise.all(entries.map(async ([name, entry]) => {
    // Keys in this order whatever loads first.
    hideRoute[name] = entry.isHidden ?? false;
    routes[name] = await entry.load();
  }));
  const ordered = Object.fromEntries(entries.flatMap(([name]) => {
    const command = routes[name];
    return command === undefined ? [] : [[name, command]];
  }));
  const root = buildRouteMap<string, CommandLineContext>({
    routes: ordered,
    docs: {
      brief: "run untrusted code in a disposable NixOS microVM",
      hideRoute,
    },
  });
  return buildApplication(root, {
    name: "nixbox",
    versionInfo: { currentVersion: version },
    scanner: { caseStyle: "allow-kebab-for-camel", allowArgumentEscapeSequence: true },
    documentation: {
      caseStyle: "convert-camel-to-kebab",
      useAliasInUsageLine: false,
      onlyRequiredInUsageLine: true,
      disableAnsiColor: true,
    },
    localization: { text: { ...text_en, exceptionWhileRunningCommand: rethrow } },
    determineExitCode: () => 1,
  });
}

/** Failures are printed in one place, by cmd/report.ts. */
function rethrow(thrown: unknown): never {
  throw thrown;
}

/** stricli's own codes for a wrong command or argument (251, 252). */
const usageCodes: readonly number[] = [251, 252, -4, -5];

/** Runs one command line; gives the exit code. Throws what the command throws. */
export async function runCommandLine(
  app: Application<CommandLineContext>,
  words: readonly string[],
  context: CommandLineContext,
): Promise<number> {
  const process: {
    stdout: { write(text: string): void };
    stderr: { write(text: string): void };
    exitCode?: number | string | null;
  } = {
    stdout: { write: (text) => context.terminal.write(text) },
    stderr: { write: (text) => context.terminal.writeError(text) },
  };
  await run(app, words, Object.assign(context, { process }));
  const code = Number(process.exitCode ?? 0);
  if (usageCodes.includes(code)) return 2;
  return code === 0 ? context.exitCode : code;
}
