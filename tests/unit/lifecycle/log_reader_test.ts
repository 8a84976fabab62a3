import assert from "node:assert/strict";
import { LogReader } from "../../../lib/lifecycle/machine/log_reader.ts";

async function withFile(test: (file: string) => Promise<void>): Promise<void> {
  const file = await Deno.makeTempFile();
  try {
    await test(file);
  } finally {
    await Deno.remove(file);
  }
}

async function pieces(reader: LogReader): Promise<string[]> {
  return await Array.fromAsync(reader.more());
}

const append = (file: string, text: string | Uint8Array) =>
  Deno.writeFile(file, typeof text === "string" ? new TextEncoder().encode(text) : text, {
    append: true,
  });

Deno.test("a log comes in whole lines, and nothing is lost at the borders of reads", () =>
  withFile(async (file) => {
    const line = `ü€😀 ${"x".repeat(61)}\n`;
    await append(file, line.repeat(5000));
    const reader = new LogReader(file);
    const found = await pieces(reader);
    assert.ok(found.length > 1, "it is read in pieces");
    assert.ok(found.every((text) => text.endsWith("\n")));
    assert.equal(found.join(""), line.repeat(5000));
  }));

Deno.test("a line, and a character, that come in two parts are one", () =>
  withFile(async (file) => {
    const reader = new LogReader(file);
    const bytes = new TextEncoder().encode("one\nt€");
    await append(file, bytes.subarray(0, 6));
    assert.deepEqual(await pieces(reader), ["one\n"]);
    await append(file, bytes.subarray(6));
    assert.deepEqual(await pieces(reader), []);
    await append(file, "o\nthree");
    assert.deepEqual(await pieces(reader), ["t€o\n"]);
    assert.deepEqual([...reader.rest()], ["three"]);
  }));

Deno.test("a line that comes in two parts is matched as a whole", () =>
  withFile(async (file) => {
    const reader = new LogReader(file, /wanted/);
    await append(file, "not this\nwan");
    assert.deepEqual(await pieces(reader), []);
    await append(file, "ted\nnor this\n");
    assert.deepEqual(await pieces(reader), ["wanted\n"]);
  }));

Deno.test("a log that was begun again is read from its start", () =>
  withFile(async (file) => {
    const reader = new LogReader(file);
    await append(file, "a long first line\nand half of");
    await pieces(reader);
    await Deno.writeTextFile(file, "new\n");
    assert.deepEqual(await pieces(reader), ["new\n"]);
  }));

Deno.test("a line without an end does not fill the memory", () =>
  withFile(async (file) => {
    await append(file, new Uint8Array(3 << 20).fill(120));
    const reader = new LogReader(file);
    const lengths = (await pieces(reader)).map((text) => text.length);
    assert.ok(Math.max(...lengths) < 2 << 20);
    assert.equal(
      [...lengths, ...[...reader.rest()].map((text) => text.length)]
        .reduce((sum, length) => sum + length),
      3 << 20,
    );
  }));

Deno.test("the hole that a cut leaves under a program that goes on at its place is passed over", () =>
  withFile(async (file) => {
    const writer = await Deno.open(file, { write: true });
    try {
      await writer.seek(1 << 30, Deno.SeekMode.Start);
      await writer.write(new TextEncoder().encode("the newest\n"));
    } finally {
      writer.close();
    }
    const text = (await pieces(new LogReader(file))).join("");
    assert.ok(text.length < 100_000, `${text.length}`);
    assert.match(text, /the newest\n$/);
  }));
