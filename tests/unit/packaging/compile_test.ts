import assert from "node:assert/strict";
import { NixboxError } from "../../../lib/base/error.ts";
import { run } from "../../../lib/host/process/run.ts";
import { unpackOnce } from "../../../lib/host/files/unpack.ts";
import { makeExecutable, readOptions } from "../../../packaging/compile.ts";
import { compileBundle, NoRuntime } from "../../../packaging/compiled.ts";

const root = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");

Deno.test("options of compile: this machine's target unless another is named", () => {
  assert.deepEqual(readOptions([]), {
    target: Deno.build.target,
    kind: undefined,
    deno: undefined,
    output: undefined,
  });
  const words = ["--target", "aarch64-apple-darwin", "--kind", "self-extracting", "--deno", "/d"];
  assert.equal(readOptions(words).target, "aarch64-apple-darwin");
  for (const wrong of [["--target", "vax"], ["--kind", "zip"], ["--what", "x"], ["--deno"]]) {
    assert.throws(() => readOptions(wrong), (error) => {
      return error instanceof NixboxError && error.exitCode === 2;
    });
  }
});

Deno.test("deno in the place of denort is refused: it would make a file that is just deno", async () => {
  const before = Deno.env.get("DENORT_BIN");
  Deno.env.set("DENORT_BIN", Deno.execPath());
  try {
    await assert.rejects(compileBundle("/nowhere", "/nowhere/out", Deno.build.target), (error) => {
      return error instanceof NoRuntime && /is deno itself/.test(error.message);
    });
  } finally {
    if (before === undefined) Deno.env.delete("DENORT_BIN");
    else Deno.env.set("DENORT_BIN", before);
  }
});

Deno.test("a self-extracting file for another system needs a deno for it", async () => {
  const target = Deno.build.target === "aarch64-apple-darwin"
    ? "x86_64-unknown-linux-gnu"
    : "aarch64-apple-darwin";
  const options = readOptions(["--target", target, "--kind", "self-extracting"]);
  await assert.rejects(makeExecutable(root, options, "/nowhere"), /needs a deno of that target/);
});

Deno.test("the self-extracting file", async (t) => {
  const directory = await Deno.makeTempDir({ prefix: "nixbox one file " });
  const file = `${directory}/nix box`;
  const program = `${directory}/cache/nixbox/program`;
  const env = { XDG_CACHE_HOME: `${directory}/cache`, HOME: directory, PATH: "/usr/bin:/bin" };
  const start = (...words: string[]) =>
    run(["env", "-i", ...pairs(env), file, ...words], { cwd: directory, accept: "any" });
  try {
    const options = readOptions(["--kind", "self-extracting"]);
    assert.equal(await makeExecutable(root, options, file), "self-extracting");

    await t.step("runs alone, and four may start at once", async () => {
      const all = await Promise.all([1, 2, 3, 4].map(() => start("--version")));
      for (const { stdout, stderr } of all) assert.match(stdout, /^nixbox \d/, stderr);
      const entries = await Array.fromAsync(Deno.readDir(program));
      assert.deepEqual(entries.map(({ isSymlink }) => isSymlink).sort(), [false, true]);
    });
    await t.step("is unpacked once, and finds its Nix files", async () => {
      const unpacked = async () => (await Deno.stat(`${program}/${await linkIn(program)}`)).ino;
      const before = await unpacked();
      assert.match((await start("init")).stdout, /config\.nix/);
      assert.equal(await unpacked(), before);
    });
    await t.step("says what to remove when its files were cleared away", async () => {
      const link = await linkIn(program);
      await Deno.remove(`${program}/${await Deno.readLink(`${program}/${link}`)}`, {
        recursive: true,
      });
      const { code, stderr } = await start("--version");
      assert.equal(code, 1);
      assert.ok(stderr.includes(`remove ${program}`), stderr);
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

async function linkIn(directory: string): Promise<string> {
  for await (const { name, isSymlink } of Deno.readDir(directory)) if (isSymlink) return name;
  return assert.fail(`${directory} has no link`);
}

function pairs(env: Readonly<Record<string, string>>): string[] {
  return Object.entries(env).map(([name, value]) => `${name}=${value}`);
}

Deno.test("what a compiled program carries is unpacked once, by whoever comes first", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const from = `${directory}/program`;
    await Deno.mkdir(`${from}/share/deep`, { recursive: true });
    await Deno.mkdir(`${from}/lib`);
    await Deno.writeTextFile(`${from}/share/deep/data`, "text");
    await Deno.writeTextFile(`${from}/share/script`, "#!/bin/sh\n", { mode: 0o600 });
    const to = `${directory}/cache/assets/0123`;
    const unpack = () => unpackOnce(from, ["lib", "share"], to);
    await Promise.all([unpack(), unpack(), unpack()]);
    assert.equal(await Deno.readTextFile(`${to}/share/deep/data`), "text");
    assert.equal(((await Deno.stat(`${to}/share/script`)).mode ?? 0) & 0o111, 0o111);
    assert.equal(((await Deno.stat(`${to}/share/deep/data`)).mode ?? 0) & 0o111, 0);
    const left = await Array.fromAsync(Deno.readDir(`${directory}/cache/assets`));
    assert.deepEqual(left.map(({ name }) => name), ["0123"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("files that cannot be unpacked are an error that names the place", async () => {
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(`${directory}/taken`, "");
  await assert.rejects(
    unpackOnce(directory, [], `${directory}/taken/assets/0123`),
    /taken\/assets\/0123/,
  );
  await Deno.remove(directory, { recursive: true });
});
