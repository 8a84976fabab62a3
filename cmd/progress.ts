import type { Operation } from "../lib/lifecycle/machine/operation.ts";
import type { ProgressEvent } from "../lib/base/progress.ts";
import type { Globals } from "./globals.ts";
import { Phases } from "./phases.ts";
import { indented } from "./report.ts";
import { printableLine } from "../lib/base/printable.ts";
import type { Terminal } from "./terminal.ts";

/** Shows how work goes, in few steps or with `--verbose` in all of them, and gives its result. */
export async function follow<T>(
  terminal: Terminal,
  globals: Globals,
  operation: Operation<T>,
): Promise<T> {
  const view = terminal.isLive && !globals.verbose
    ? new LiveView(terminal, globals.quiet)
    : new LineView(terminal, globals);
  const phases = new Phases((event) => view.show(event));
  const isWhole = globals.verbose;
  try {
    for await (const event of operation) isWhole ? view.show(event) : phases.take(event);
    phases.end();
  } finally {
    view.end();
  }
  return await operation;
}

interface View {
  show(event: ProgressEvent): void;
  end(): void;
}

/** One line per step, when it has ended: for logs and pipes. */
class LineView implements View {
  constructor(private readonly terminal: Terminal, private readonly globals: Globals) {}

  show(event: ProgressEvent): void {
    const line = lineOf(this.terminal, event);
    const isNeeded = isAlwaysShown(event) || event.kind === "output";
    if (line !== undefined && (!this.globals.quiet || isNeeded)) this.terminal.printError(line);
  }

  end(): void {}
}

/** The steps that are done, and below them the one that runs, with its time. */
class LiveView implements View {
  #running: { step: string; startedAt: number }[] = [];
  #isDrawn = false;
  #progress: ProgressEvent & { readonly kind: "progress" } | undefined;
  readonly #timer: ReturnType<typeof setInterval>;

  constructor(private readonly terminal: Terminal, private readonly isQuiet: boolean) {
    this.#timer = setInterval(() => this.#draw(), 100);
  }

  show(event: ProgressEvent): void {
    // Drawn by the timer: it may come thousands of times a second.
    if (event.kind === "progress") {
      this.#progress = event;
      return;
    }
    if (event.kind === "step-started") {
      this.#progress = undefined;
      this.#running.push({ step: event.step, startedAt: performance.now() });
    } else if (event.kind === "step-finished" || event.kind === "step-failed") {
      const isFailed = event.kind === "step-failed";
      this.#running = this.#running.filter(({ step }) => !isFailed && step !== event.step);
    }
    const line = lineOf(this.terminal, event);
    this.#erase();
    if (line !== undefined && (!this.isQuiet || isAlwaysShown(event))) {
      this.terminal.printError(line);
    }
    this.#draw();
  }

  end(): void {
    clearInterval(this.#timer);
    this.#erase();
  }

  #draw(): void {
    const current = this.#running.at(-1);
    if (current === undefined || this.isQuiet) return;
    const seconds = ((performance.now() - current.startedAt) / 1000).toFixed(1);
    this.#erase();
    const moved = this.#progress === undefined ? "" : ` ${transferred(this.#progress)}`;
    const line = `  … ${printableLine(current.step)} ${seconds} s${moved}`;
    this.terminal.writeError(this.terminal.paint.dim(line));
    this.#isDrawn = true;
  }

  #erase(): void {
    if (this.#isDrawn) this.terminal.eraseLine();
    this.#isDrawn = false;
  }
}

function isAlwaysShown({ kind }: ProgressEvent): boolean {
  return kind === "warning" || kind === "step-failed";
}

function lineOf({ paint }: Terminal, event: ProgressEvent): string | undefined {
  switch (event.kind) {
    case "step-started":
    case "progress":
      return undefined;
    case "step-finished":
      return `${paint.green("  ✓")} ${printableLine(event.step)} ${
        paint.dim(duration(event.elapsedMs))
      }`;
    case "step-failed":
      return `${paint.red("  ✗")} ${printableLine(event.step)} ${
        paint.dim(duration(event.elapsedMs))
      }`;
    case "output":
      return paint.dim(`    ${printableLine(event.line)}`);
    case "warning":
      return `${paint.yellow("warning:")} ${indented(event.message)}`;
    case "note":
      return `  ${indented(event.message)}`;
  }
}

/** "12.3 MB of 40.0 MB" */
function transferred({ bytes, totalBytes }: { bytes: number; totalBytes?: number }): string {
  const megabytes = (count: number) => `${(count / 1e6).toFixed(1)} MB`;
  return totalBytes === undefined
    ? megabytes(bytes)
    : `${megabytes(bytes)} of ${megabytes(totalBytes)}`;
}

/** "40 ms", "3.2 s", "2 min 5 s". */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
