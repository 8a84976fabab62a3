export interface WaitOptions {
  readonly timeoutMs: number;
  /** Ends the wait at once by throwing the signal's reason. */
  readonly signal?: AbortSignal;
  readonly firstDelayMs?: number;
  readonly longestDelayMs?: number;
}

/**
 * Asks `attempt` until it gives something other than `undefined`, with growing pauses.
 * Gives `undefined` when the time is over.
 */
export async function waitFor<T>(
  attempt: () => Promise<T | undefined>,
  options: WaitOptions,
): Promise<T | undefined> {
  const deadline = performance.now() + options.timeoutMs;
  let delay = options.firstDelayMs ?? 10;
  while (true) {
    options.signal?.throwIfAborted();
    const value = await attempt();
    if (value !== undefined) return value;
    const left = deadline - performance.now();
    if (left <= 0) return undefined;
    await sleep(Math.min(delay, left), options.signal);
    delay = Math.min(delay * 1.5, options.longestDelayMs ?? 250);
  }
}

/** Resolves after so many milliseconds; rejects with the signal's reason as soon as it aborts. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted();
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, milliseconds);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}

/** The work's result, or "late" where that takes longer; the work itself goes on. */
export async function within<T>(milliseconds: number, work: Promise<T>): Promise<T | "late"> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), milliseconds);
  });
  // What comes of it later is of no use any more.
  work.catch(() => {});
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
