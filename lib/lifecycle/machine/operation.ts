import type { Emit, ProgressEvent } from "../../base/progress.ts";

/** How many events are kept for readers that come later. */
const keptEvents = 1000;

/** An event and what came after it: who has read past it keeps it no longer. */
interface Link {
  readonly event?: ProgressEvent;
  next?: Link;
}

/**
 * Long work that tells how it goes: `for await` its events while it runs, `await` its result. The
 * work starts at once, whether or not anyone listens. Any number of readers get the events.
 *
 * ```ts
 * import { openProject } from "nixbox";
 *
 * const project = await openProject(".");
 * const work = project.up();
 * for await (const event of work) console.error(event.kind);
 * const machine = await work;
 * ```
 */
export class Operation<T> implements PromiseLike<T>, AsyncIterable<ProgressEvent> {
  readonly #result: Promise<T>;
  /** The first event to read comes after it. */
  #oldest: Link = {};
  #newest = this.#oldest;
  #kept = 0;
  #more = Promise.withResolvers<void>();
  #isOver = false;

  /** Starts the work. */
  constructor(work: (emit: Emit) => Promise<T>) {
    this.#result = work((event) => this.#add(event)).finally(() => {
      this.#isOver = true;
      this.#wake();
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

  /**
   * The events until the work is over: each reader gets all that come after it began to read, and of
   * those before the last 1000.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<ProgressEvent, void, undefined> {
    let last = this.#oldest;
    while (true) {
      if (last.next !== undefined) {
        last = last.next;
        if (last.event !== undefined) yield last.event;
      } else if (this.#isOver) return;
      else await this.#more.promise;
    }
  }

  #add(event: ProgressEvent): void {
    this.#newest = this.#newest.next = { event };
    if (this.#kept < keptEvents) this.#kept++;
    else this.#oldest = this.#oldest.next ?? this.#newest;
    this.#wake();
  }

  #wake(): void {
    this.#more.resolve();
    this.#more = Promise.withResolvers();
  }
}
