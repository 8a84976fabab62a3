import assert from "node:assert/strict";
import { pipe } from "../../../lib/host/process/pipe.ts";

const nowhere = () => new WritableStream<Uint8Array<ArrayBuffer>>();

Deno.test("of 500 MB of a source's errors the end is told, and no more than the bound is kept", async () => {
  const line = "head -c 500000000 /dev/zero >&2; echo >&2; echo last words >&2; exit 3";
  const error = await pipe({ argv: ["sh", "-c", line], name: "tar" }, nowhere()).then(
    () => assert.fail("it did not fail"),
    (error) => error,
  );
  assert.equal(error.log.at(-1), "last words");
  assert.ok(error.stderr.length < 2 << 20, `${error.stderr.length} characters`);
});

Deno.test("a source that says nothing more is ended when its time is over", async () => {
  const hangs = { argv: ["sh", "-c", "echo first; exec sleep 60"], name: "git" };
  await assert.rejects(pipe(hangs, nowhere(), { timeoutMs: 100 }), {
    message: "git: no end after 0.1 s",
  });
});

Deno.test("within its time nothing is ended, and the caller's own wish comes first", async () => {
  await pipe({ argv: ["echo", "all"] }, nowhere(), { timeoutMs: 60_000 });
  const stop = new AbortController();
  const piping = pipe({ argv: ["sleep", "60"] }, nowhere(), {
    timeoutMs: 60_000,
    signal: stop.signal,
  });
  stop.abort(new Error("interrupted"));
  await assert.rejects(piping, /interrupted/);
});
