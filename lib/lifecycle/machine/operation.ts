import type { Emit, ProgressEvent } from "../../base/progress.ts";

/**
 * Long work that tells how it goes: `for await` its events while it runs, `await` its result. The
 * work starts at once, whether or not anyone listens.
 *
 * ```ts
 * const work = project.up();
 * for await (const event of work) console.error(event.kind);
 * const machine = await work;
 * ```
 */
export class Operation<T> implements PromiseLike<T>, AsyncIterable<ProgressEvent> {
  readonly #events: ProgressEvent[] = [];
  readonly #result: Promise<T>;
  #wake: (() => void) | undefined;
  #isOver = false;

  /** Starts the work. */
  constructor(work: (emit: Emit) => Promise<T>) {
    this.#result = work((event) => {
      this.#events.push(event);
      this.#wake?.();
    }).finally(() => {
      this.#isOver = true;
      this.#wake?.();
    });
    // Whoever awaits the result gets the error; it must not count as unhandled before that.
    this.#result.catch(() => {});
  }

  /** Waits for the result, as any promise does. */
  then<A = T, B = never>(
    onValue?: ((value: T) => A | PromiseLike<A>) | null,
    onError?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#result.then(onValue, onError);
  }

  /** The events, from the first on, until the work is over. */
  async *[Symbol.asyncIterator](): AsyncIterator<ProgressEvent> {
    while (true) {
      const event = this.#events.shift();
      if (event !== undefined) yield event;
      else if (this.#isOver) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
