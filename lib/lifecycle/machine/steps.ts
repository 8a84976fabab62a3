import { messageOf } from "../../base/error.ts";
import { type Emit, tellStep } from "../../base/progress.ts";

/** One thing that is done, and how to undo it. */
export interface Step {
  /** What is done, for people: "load the firewall". */
  readonly name: string;
  /** Absent where it was done before the steps, and only its undo is of them. */
  readonly run?: () => Promise<void>;
  /** MUST work whether the step was done, half done or not begun. */
  readonly undo: () => Promise<void>;
  /**
   * By its undo the machine is forgotten: it is left out where another undo has failed, so that what
   * is still there is found again, and undone.
   */
  readonly forgets?: boolean;
}

/**
 * Does steps in order. If one fails, or `signal` aborts between two, what was done is undone in
 * reverse order, the failed step included, and the error is thrown again. An undo that fails stops
 * none of the others but those that forget; it is told as a warning. `finish` is the end of the work, without an undo of
 * its own: when it fails, all is undone too.
 */
export async function act(
  steps: readonly Step[],
  emit: Emit,
  signal: AbortSignal,
  finish: () => Promise<void> = () => Promise.resolve(),
): Promise<void> {
  const begun: Step[] = [];
  try {
    for (const step of steps) {
      signal.throwIfAborted();
      begun.push(step);
      if (step.run !== undefined) await tellStep(emit, step.name, step.run);
    }
    signal.throwIfAborted();
    await finish();
  } catch (error) {
    await undoAll(begun, emit);
    throw error;
  }
}

/** Undoes steps in reverse order, each whatever happened to the others, but for those that forget. */
export async function undoAll(
  steps: readonly Pick<Step, "name" | "undo" | "forgets">[],
  emit: Emit,
): Promise<void> {
  let isWhole = true;
  for (const step of steps.toReversed()) {
    if (step.forgets === true && !isWhole) continue;
    try {
      await step.undo();
    } catch (error) {
      isWhole = false;
      emit({ kind: "warning", message: `could not undo "${step.name}": ${messageOf(error)}` });
    }
  }
}
