import assert from "node:assert/strict";
import fc from "fast-check";
import { run } from "../../../lib/host/process/run.ts";
import { tarHeader, tarTrailer } from "../../../lib/lifecycle/copy/tar_entry.ts";

async function archive(name: string, content: Uint8Array, mode: number, mtime: number) {
  const file = await Deno.makeTempFile();
  const parts = [tarHeader({ name, size: content.length, mode, mtime }), content];
  for (const part of [...parts, tarTrailer(content.length)]) {
    await Deno.writeFile(file, part, { append: true });
  }
  return file;
}

Deno.test("tar reads what is written: any name, size, mode and time", async () => {
  const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 70 })
    // deno-lint-ignore no-control-regex -- tar shows these in another way
    .filter((text) => !/[\x00-\x1f\x7f/\\]/.test(text) && text !== "." && text !== "..");
  const times = fc.integer({ min: 0, max: 2 ** 32 });
  await fc.assert(
    fc.asyncProperty(
      name,
      fc.uint8Array({ maxLength: 2000 }),
      fc.integer({ min: 0, max: 0o777 }),
      times,
      async (name, content, mode, mtime) => {
        const file = await archive(name, content, mode | 0o400, mtime);
        const into = await Deno.makeTempDir();
        await run(["tar", "-x", "-p", "--no-same-owner", "-f", file, "-C", into]);
        const info = await Deno.stat(`${into}/${name}`);
        assert.deepEqual(await Deno.readFile(`${into}/${name}`), new Uint8Array(content));
        assert.equal((info.mode ?? 0) & 0o7777, mode | 0o400);
        assert.equal(info.mtime?.getTime(), mtime * 1000);
        await Deno.remove(into, { recursive: true });
        await Deno.remove(file);
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("a size beyond octal digits is written as GNU tar writes it", async () => {
  const size = 9 * 1024 ** 3;
  const header = tarHeader({ name: "large", size, mode: 0o644, mtime: 0 });
  const file = await Deno.makeTempFile();
  await Deno.writeFile(file, header);
  await Deno.truncate(file, 512 + size + 1024);
  const { stdout } = await run(["tar", "-tvf", file]);
  assert.match(stdout, new RegExp(`^-rw-r--r-- .* ${size} .* large\n$`));
  await Deno.remove(file);
});
