/** What long work tells while it runs. Times are milliseconds. */
export type ProgressEvent =
  | { readonly kind: "step-started"; readonly step: string }
  | { readonly kind: "step-finished"; readonly step: string; readonly elapsedMs: number }
  | { readonly kind: "step-failed"; readonly step: string; readonly elapsedMs: number }
  /** A line that a program (nix, a script in the guest) printed during the step. */
  | { readonly kind: "output"; readonly step: string; readonly line: string }
  /** How far a step has come that moves bytes; the total only where it is known. */
  | {
    readonly kind: "progress";
    readonly step: string;
    readonly bytes: number;
    readonly totalBytes?: number;
  }
  | { readonly kind: "warning"; readonly message: string }
  | { readonly kind: "note"; readonly message: string };

/** Takes the events of long work, in order. */
export type Emit = (event: ProgressEvent) => void;

/** Runs one step and tells when it starts and how it ended. */
export async function tellStep<T>(emit: Emit, step: string, work: () => Promise<T>): Promise<T> {
  const startedAt = performance.now();
  emit({ kind: "step-started", step });
  try {
    const value = await work();
    emit({ kind: "step-finished", step, elapsedMs: performance.now() - startedAt });
    return value;
  } catch (error) {
    emit({ kind: "step-failed", step, elapsedMs: performance.now() - startedAt });
    throw error;
  }
}
