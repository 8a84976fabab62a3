import assert from "node:assert/strict";
import type { Emit, ProgressEvent } from "../../../lib/base/progress.ts";
import { Operation } from "../../../lib/lifecycle/machine/operation.ts";

const note = (message: string): ProgressEvent => ({ kind: "note", message });
const textOf = (event: ProgressEvent) => event.kind === "note" ? event.message : event.kind;

async function textsOf(operation: Operation<unknown>): Promise<string[]> {
  const texts = [];
  for await (const event of operation) texts.push(textOf(event));
  return texts;
}

/** Work that the test drives: it emits and ends when it is told to. */
function driven(): { operation: Operation<number>; emit: Emit; end: () => void } {
  const ended = Promise.withResolvers<number>();
  let inner: Emit = () => {};
  const operation = new Operation<number>((emit) => {
    inner = emit;
    return ended.promise;
  });
  return { operation, emit: (event) => inner(event), end: () => ended.resolve(7) };
}

Deno.test("an operation gives every event, then its result, and its error to whoever awaits it", async () => {
  const good = new Operation(async (emit) => {
    emit(note("one"));
    await Promise.resolve();
    emit(note("two"));
    return 7;
  });
  assert.deepEqual(await textsOf(good), ["one", "two"]);
  assert.equal(await good, 7);
  const bad = new Operation(() => Promise.reject(new Error("no")));
  assert.deepEqual(await textsOf(bad), []);
  await assert.rejects(async () => await bad, /no/);
});

Deno.test("every reader of an operation gets every event, also who waits beside another or comes after the end", async () => {
  const { operation, emit, end } = driven();
  emit(note("before"));
  const first = operation[Symbol.asyncIterator]();
  const second = operation[Symbol.asyncIterator]();
  assert.deepEqual(await Promise.all([first.next(), second.next()]), [
    { done: false, value: note("before") },
    { done: false, value: note("before") },
  ]);
  // Both wait now: one event must wake both.
  const waiting = [first.next(), second.next()];
  emit(note("after"));
  assert.deepEqual(
    (await Promise.all(waiting)).map(({ value }) => value),
    [note("after"), note("after")],
  );
  const ending = [first.next(), second.next()];
  end();
  assert.deepEqual((await Promise.all(ending)).map(({ done }) => done), [true, true]);
  assert.deepEqual(await textsOf(operation), ["before", "after"]);
});

Deno.test("a reader that stops early takes nothing from the others", async () => {
  const { operation, emit, end } = driven();
  emit(note("one"));
  emit(note("two"));
  for await (const event of operation) {
    assert.equal(textOf(event), "one");
    break;
  }
  end();
  assert.deepEqual(await textsOf(operation), ["one", "two"]);
});

Deno.test("of events that nobody reads the last 1000 are kept; a reader that is slow misses none", async () => {
  const { operation, emit, end } = driven();
  emit(note("0"));
  const slow = operation[Symbol.asyncIterator]();
  assert.deepEqual((await slow.next()).value, note("0"));
  for (let index = 1; index <= 2500; index++) emit(note(`${index}`));
  end();
  assert.equal(await operation, 7);
  const numbers = (from: number) => Array.from({ length: 2501 - from }, (_, at) => `${from + at}`);
  assert.deepEqual(await textsOf(operation), numbers(1501));
  const texts = [];
  for await (const event of slow) texts.push(textOf(event));
  assert.deepEqual(texts, numbers(1));
});
