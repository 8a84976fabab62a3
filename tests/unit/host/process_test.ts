import assert from "node:assert/strict";
import { CommandError, lastLines, printableCommand, run } from "../../../lib/host/process/run.ts";

Deno.test("a program's output, errors and code come back", async () => {
  const lines: string[] = [];
  const result = await run(["sh", "-c", "echo out; printf 'a\\nb' >&2; exit 3"], {
    accept: [3],
    onStderrLine: (line) => lines.push(line),
  });
  assert.deepEqual(result, { code: 3, stdout: "out\n", stderr: "a\nb" });
  assert.deepEqual(lines, ["a", "b"]);
});

Deno.test("arguments and stdin reach the program as they are", async () => {
  const words = ["a b", "$HOME", "'", "x\ny", ""];
  const { stdout } = await run(["printf", "%s\\0", ...words]);
  assert.deepEqual(stdout.split("\0").slice(0, -1), words);
  assert.equal((await run(["cat"], { stdin: "é".repeat(100_000) })).stdout.length, 100_000);
});

Deno.test("a failure names the command, the code and the last words", async () => {
  const error = await failure(["sh", "-c", "echo one >&2; echo two >&2; exit 4"]);
  assert.equal(error.code, 4);
  assert.match(error.message, /^sh -c '.*': exit 4$/);
  assert.deepEqual(error.log, ["one", "two"]);
});

Deno.test("a program that is not there is told with how to get it", async () => {
  const error = await failure(["nixbox-no-such-program"]);
  assert.equal(error.code, undefined);
  assert.match(error.hint ?? "", /nixbox doctor/);
});

Deno.test("a program that does not end is ended when its time is over, and the message says how", async () => {
  const error = await failure(["sleep", "60"], 50);
  assert.match(error.message, /no end after 0\.05 s, ended by SIGTERM$/);
  const deaf = "trap '' TERM; echo ready >&2; while :; do sleep 0.1; done";
  assert.match(
    (await failure(["sh", "-c", deaf], 500)).message,
    /killed \(it did not end by SIGTERM/,
  );
});

Deno.test({
  name: "a program that cannot be ended is not waited for",
  // It is left behind, and ends a little later.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const { kill } = Deno.ChildProcess.prototype;
    // As another user's process, or one that waits for a file system that is gone, answers.
    Deno.ChildProcess.prototype.kill = () => {
      throw new Deno.errors.PermissionDenied();
    };
    try {
      const error = await failure(["sh", "-c", "echo said >&2; exec sleep 20"], 50);
      assert.match(error.message, /no end after 0\.05 s, and it cannot be ended$/);
      assert.deepEqual(error.log, ["said"]);
    } finally {
      Deno.ChildProcess.prototype.kill = kill;
    }
  },
});

Deno.test("a program that prints without end is ended, and memory is not filled", async () => {
  const endless = run(["yes"], { mostOutput: 1 << 20 });
  await assert.rejects(endless, /yes: printed more than 1 MB, ended by SIGTERM/);
});

Deno.test("of what a program says by standard error, the beginning and the end are kept", async () => {
  const much = "echo first >&2; yes | head -c 20000000 >&2; echo last >&2";
  const { stderr } = await run(["sh", "-c", much]);
  assert.ok(stderr.length < 2 << 20, `${stderr.length} characters`);
  assert.match(stderr, /^first\n[^]*characters are left out[^]*last\n$/);
});

Deno.test("of 500 MB by either stream no more than the bound is kept", async () => {
  const flood = "head -c 500000000 /dev/zero";
  await assert.rejects(run(["sh", "-c", flood], { mostOutput: 4 << 20 }), /printed more than 4 MB/);
  const { stderr } = await run(["sh", "-c", `${flood} >&2; printf '\\nlast' >&2`]);
  assert.ok(stderr.endsWith("\nlast"));
  assert.ok(stderr.length < 2 << 20, `${stderr.length} characters`);
});

Deno.test("a line without end is told in pieces", async () => {
  const lengths: number[] = [];
  await run(["sh", "-c", "head -c 300000 /dev/zero | tr '\\0' x >&2"], {
    onStderrLine: (line) => lengths.push(line.length),
  });
  assert.equal(lengths.reduce((sum, length) => sum + length), 300_000);
  assert.ok(Math.max(...lengths) <= 65_536);
});

Deno.test("a program that is not wanted any more is ended, and the wish is what is thrown", async () => {
  const controller = new AbortController();
  const running = run(["sleep", "60"], { signal: controller.signal });
  controller.abort(new Error("not wanted"));
  await assert.rejects(running, /not wanted/);
});

Deno.test("a background child that keeps the output open is not waited for", async () => {
  const { stdout } = await run(["sh", "-c", "echo out; sleep 60 & echo $!"]);
  const [out, pid] = stdout.trim().split("\n");
  assert.equal(out, "out");
  Deno.kill(Number(pid), "SIGKILL");
});

async function failure(argv: string[], timeoutMs?: number): Promise<CommandError> {
  try {
    await run(argv, timeoutMs === undefined ? {} : { timeoutMs });
  } catch (error) {
    if (error instanceof CommandError) return error;
    throw error;
  }
  return assert.fail("the program should have failed");
}

Deno.test("a command is printed as a person would type it", () => {
  assert.equal(printableCommand(["ip", "a b", "it's", ""]), "ip 'a b' 'it'\\''s' ''");
});

Deno.test("of a line that nobody can read, the end is told", () => {
  const [told = ""] = lastLines(`${"x".repeat(1_000_000)}the end`, 3);
  assert.match(told, /^\[\.\.\.\] x+the end$/);
  assert.ok(told.length < 1100);
});

Deno.test("last lines leave out what says nothing", () => {
  assert.deepEqual(lastLines("a\n\nb  \nc\n\n", 2), ["b", "c"]);
});
