import assert from "node:assert/strict";
import { detectHost } from "../../../lib/host/detect.ts";
import { endProcess, isAlive } from "../../../lib/host/root/end_process.ts";
import {
  ensurePrivateDirectory,
  exists,
  fileError,
  readTail,
  removeIfExists,
  removeUnfinished,
  removeUnfinishedIn,
  writeTextAtomically,
} from "../../../lib/host/files/files.ts";
import { ownerVariable, spawnDetached } from "../../../lib/host/process/detached.ts";
import { sha256 } from "../../../lib/base/hash.ts";
import { takeLock } from "../../../lib/host/files/lock.ts";
import { run } from "../../../lib/host/process/run.ts";
import { sleep, waitFor } from "../../../lib/base/wait.ts";
import { distributionOf, installCommand } from "../../../lib/host/tools.ts";

async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a private directory is made for its owner alone, and fixed where it is too open", () =>
  inDirectory(async (parent) => {
    const path = `${parent}/a/b`;
    const uid = Deno.uid() ?? 0;
    await ensurePrivateDirectory(path, uid);
    assert.equal(await modeOf(path), 0o700);
    await Deno.chmod(path, 0o755);
    await ensurePrivateDirectory(path, uid);
    assert.equal(await modeOf(path), 0o700);
  }));

Deno.test("a private directory that is a symlink or someone else's is refused", () =>
  inDirectory(async (parent) => {
    await Deno.symlink("/tmp", `${parent}/link`);
    const uid = Deno.uid() ?? 0;
    await assert.rejects(ensurePrivateDirectory(`${parent}/link`, uid), /not a directory of yours/);
    await Deno.mkdir(`${parent}/other`);
    await assert.rejects(ensurePrivateDirectory(`${parent}/other`, uid + 1), /not a directory/);
  }));

Deno.test("a file is replaced whole, with its mode, and nothing else is left", () =>
  inDirectory(async (parent) => {
    await writeTextAtomically(`${parent}/f`, "one");
    await writeTextAtomically(`${parent}/f`, "two", 0o640);
    assert.equal(await Deno.readTextFile(`${parent}/f`), "two");
    assert.equal(await modeOf(`${parent}/f`), 0o640);
    const names = await Array.fromAsync(Deno.readDir(parent), ({ name }) => name);
    assert.deepEqual(names, ["f"]);
  }));

Deno.test("removing does not follow a symlink", () =>
  inDirectory(async (parent) => {
    await Deno.mkdir(`${parent}/kept`);
    await Deno.writeTextFile(`${parent}/kept/file`, "");
    await Deno.symlink(`${parent}/kept`, `${parent}/link`);
    await removeIfExists(`${parent}/link`);
    await removeIfExists(`${parent}/link`);
    assert.equal(await exists(`${parent}/kept/file`), true);
    assert.equal(await exists(`${parent}/link`), false);
  }));

Deno.test("a full disk is named as such", () => {
  const error = fileError("x", new Error("No space left on device (os error 28)"));
  assert.match(error.message, /no space left on the disk/);
});

Deno.test("a lock has one holder, and the next gets it when it is released", () =>
  inDirectory(async (parent) => {
    const file = `${parent}/lock`;
    const first = await takeLock(file, { timeoutMs: 0 });
    assert.ok(first);
    let told = 0;
    const second = await takeLock(file, { timeoutMs: 50, onWait: () => told++ });
    assert.equal(second, undefined);
    assert.equal(told, 1);
    first.release();
    const third = await takeLock(file, { timeoutMs: 0 });
    assert.ok(third);
    third.release();
  }));

Deno.test("what is not a file is not a lock, and is named", () =>
  inDirectory(async (parent) => {
    await run(["mkfifo", `${parent}/fifo`]);
    await Deno.symlink(`${parent}/elsewhere`, `${parent}/link`);
    for (const path of [parent, `${parent}/fifo`, `${parent}/link`]) {
      await assert.rejects(takeLock(path, { timeoutMs: 0 }), /^NixboxError: the lock \/.* is /);
    }
    await assert.rejects(Deno.stat(`${parent}/elsewhere`), Deno.errors.NotFound);
  }));

Deno.test("of a log of any size only the end is read", () =>
  inDirectory(async (parent) => {
    const file = `${parent}/log`;
    assert.equal(await readTail(file), "");
    await Deno.writeTextFile(file, `${"x".repeat(300_000)}\nlast\n`);
    const tail = await readTail(file);
    assert.equal(tail.length, 65_536);
    assert.ok(tail.endsWith("x\nlast\n"));
  }));

Deno.test("a wait ends with what it waited for, its time, or its signal", async () => {
  let calls = 0;
  const value = await waitFor(() => Promise.resolve(++calls === 3 ? calls : undefined), {
    timeoutMs: 5000,
    firstDelayMs: 1,
  });
  assert.equal(value, 3);
  const late = await waitFor(() => Promise.resolve(undefined), { timeoutMs: 5, firstDelayMs: 1 });
  assert.equal(late, undefined);
  const signal = AbortSignal.abort(new Error("stop"));
  await assert.rejects(sleep(60_000, signal), /stop/);
});

Deno.test("a detached process is its own session's, known by start time, marked, and ended", () =>
  inDirectory(async (parent) => {
    const host = await detectHost();
    const owner = crypto.randomUUID();
    const options = { logFile: `${parent}/log`, cwd: "/", owner };
    await Deno.writeTextFile(options.logFile, "what an earlier one wrote\n");
    const { identity } = await spawnDetached(host, ["sh", "-c", "echo hi; exec sleep 60"], options);
    assert.equal(await isAlive(host, identity), true);
    assert.equal(await isAlive(host, { ...identity, startTime: "another" }), false);
    const marked = await host.processes.withEnvironment(ownerVariable, owner);
    assert.deepEqual(marked, [identity.pid]);
    assert.equal(await modeOf(`${parent}/log`), 0o600);
    const log = await waitFor(async () => {
      return await Deno.readTextFile(`${parent}/log`) || undefined;
    }, { timeoutMs: 5000 });
    assert.equal(log, "hi\n");
    await endProcess(host, identity, { graceMs: 2000 });
    assert.equal(await isAlive(host, identity), false);
  }));

Deno.test("a process that ignores SIGTERM is killed", () =>
  inDirectory(async (parent) => {
    const host = await detectHost();
    const options = { logFile: `${parent}/log`, cwd: "/", owner: "test" };
    const script = "trap '' TERM; echo ready; while :; do sleep 1; done";
    const { identity } = await spawnDetached(host, ["sh", "-c", script], options);
    await waitFor(
      async () => (await Deno.readTextFile(`${parent}/log`)).includes("ready") ? true : undefined,
      { timeoutMs: 5000 },
    );
    await endProcess(host, identity, { graceMs: 50 });
    assert.equal(await isAlive(host, identity), false);
  }));

Deno.test("the environment of a detached process has none of nixbox's secrets", () =>
  inDirectory(async (parent) => {
    Deno.env.set("NIXBOX_TEST_TOKEN", "canary");
    const host = await detectHost();
    const options = { logFile: `${parent}/log`, cwd: "/", owner: "test" };
    const argv = ["sh", "-c", "sleep 0.1; env; echo over; sleep 60"];
    const { identity } = await spawnDetached(host, argv, options);
    Deno.env.delete("NIXBOX_TEST_TOKEN");
    const env = await waitFor(async () => {
      const text = await Deno.readTextFile(`${parent}/log`);
      return text.includes("over") ? text : undefined;
    }, { timeoutMs: 5000 });
    await endProcess(host, identity, { graceMs: 1000 });
    assert.match(env ?? "", /NIXBOX_VM=test/);
    assert.doesNotMatch(env ?? "", /canary/);
  }));

Deno.test("the hash is SHA-256 in hex", async () => {
  const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  assert.equal(await sha256(""), empty);
});

Deno.test("how to install follows from the distribution", () => {
  assert.equal(distributionOf("ID=ubuntu\nID_LIKE=debian\n"), "debian");
  assert.equal(distributionOf('NAME=x\nID="rocky"\nID_LIKE="rhel centos fedora"\n'), "fedora");
  assert.equal(distributionOf("ID=nixos\n"), "nixos");
  assert.equal(distributionOf(undefined), "darwin");
  const command = installCommand(["nft", "ip", "nft"], "debian");
  assert.equal(command, "install with `sudo apt install nftables iproute2`");
});

async function modeOf(path: string): Promise<number> {
  return ((await Deno.stat(path)).mode ?? 0) & 0o777;
}

Deno.test("what an interrupted writing left is removed; the file and its neighbours stay", async () => {
  const directory = await Deno.makeTempDir();
  const names = [
    "a.json",
    "a.json.0123abcd.new",
    "a.json.x.new",
    "b.json.0123abcd.new",
    "a.json.new",
  ];
  for (const name of names) await Deno.writeTextFile(`${directory}/${name}`, name);
  await removeUnfinished(`${directory}/a.json`);
  const left = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
  assert.deepEqual(left, names.filter((name) => name !== "a.json.0123abcd.new").sort());
  await removeUnfinishedIn(directory);
  const rest = (await Array.fromAsync(Deno.readDir(directory))).map(({ name }) => name).sort();
  assert.deepEqual(rest, names.filter((name) => !name.endsWith("0123abcd.new")).sort());
  await removeUnfinishedIn(`${directory}/nowhere`);
});
