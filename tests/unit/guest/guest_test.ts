import assert from "node:assert/strict";
import fc from "fast-check";
import { ensureKeys, projectKeys, rotateKeys } from "../../../lib/guest/keys.ts";
import { makeProvisioningDisk, provisioningFiles } from "../../../lib/guest/provisioning.ts";
import { quoteWord, remoteCommand } from "../../../lib/guest/quote.ts";
import {
  checkRuntimeDirectory,
  loginError,
  sessionArgv,
  sshConfig,
  sshPaths,
} from "../../../lib/guest/ssh.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import { run } from "../../../lib/host/process/run.ts";

Deno.test("any words reach a real shell's command as they are", async () => {
  const words = fc.array(fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", "")), {
    minLength: 2,
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(words, async (argv) => {
      const line = remoteCommand(["printf", "%s\\0", ...argv], "/");
      const { stdout } = await run(["sh", "-c", line]);
      assert.deepEqual(stdout.split("\0").slice(0, -1), argv);
    }),
    { numRuns: 60 },
  );
});

Deno.test("one word is a line of shell, in the directory that was asked for", async () => {
  const { stdout } = await run(["sh", "-c", remoteCommand(["echo $PWD | tr / _"], "/usr/bin")]);
  assert.equal(stdout, "_usr_bin\n");
});

Deno.test("a directory that is not there is an error, and nothing runs", async () => {
  const line = remoteCommand(["echo ran"], "/no/such it's");
  const { code, stdout } = await run(["sh", "-c", line], { accept: "any" });
  assert.notEqual(code, 0);
  assert.equal(stdout, "");
});

Deno.test("what a guest may have put in the place of keys is named, and not read", async () => {
  const host = await detectHost();
  const directory = await Deno.makeTempDir();
  await Deno.symlink("/etc", `${directory}/ssh`);
  await assert.rejects(ensureKeys(host, directory, "box"), /ssh is not a directory/);
  await Deno.remove(`${directory}/ssh`);
  await ensureKeys(host, directory, "box");
  const { publicFile } = projectKeys(directory).host;
  await Deno.truncate(publicFile, 1_200_000_000);
  await assert.rejects(
    ensureKeys(host, directory, "box"),
    /host_ed25519\.pub is too big for a key/,
  );
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a guest whose clock fell behind is told the time, and one that is ahead is let be", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}:${Deno.env.get("PATH")}`;
  const setWith = async (guestSeconds: number): Promise<string> => {
    const programs = {
      date: `echo ${guestSeconds}`,
      sudo: `echo "$*" >>${directory}/said; exit 1`,
    };
    await Deno.writeTextFile(`${directory}/said`, "");
    for (const [name, line] of Object.entries(programs)) {
      await Deno.writeTextFile(`${directory}/${name}`, `#!/bin/sh\n${line}\n`, { mode: 0o755 });
    }
    const line = remoteCommand(["cat; echo ran"], "/", 1_800_000_000_900);
    const options = { env: { PATH: path }, stdin: "input " };
    assert.equal((await run(["sh", "-c", line], options)).stdout, "input ran\n");
    return await Deno.readTextFile(`${directory}/said`);
  };
  assert.equal(await setWith(1_799_996_400), "-n date -s @1800000000\n");
  assert.equal(await setWith(1_799_999_971), "");
  assert.equal(await setWith(1_800_009_999), "");
});

Deno.test("a quoted word is one word", () => {
  assert.equal(quoteWord("it's"), "'it'\\''s'");
});

Deno.test("the disk's files are NUL-separated, so that any value survives", () => {
  const files = provisioningFiles({
    user: "dev",
    hostname: "box",
    clock: 5,
    env: { A: "x\n'y'", B: "" },
    mounts: [
      { tag: "t0", target: "/a b", mode: "ro" },
      { tag: "t1", target: "/c", mode: "rw" },
    ],
  });
  assert.deepEqual(files, {
    user: "dev\n",
    hostname: "box\n",
    clock: "5\n",
    env: "A=x\n'y'\0B=\0",
    mounts: "t0\0/a b\0ro\0t1\0/c\0rw\0",
  });
});

Deno.test("keys are made once, privately; the disk is private and its parts are gone", async () => {
  const host = await detectHost();
  const directory = await Deno.makeTempDir();
  assert.equal(await ensureKeys(host, directory, "box"), true);
  const keys = projectKeys(directory);
  const before = await Deno.readTextFile(keys.login.privateFile);
  assert.equal(await ensureKeys(host, directory, "box"), false);
  assert.equal(await Deno.readTextFile(keys.login.privateFile), before);
  assert.equal(((await Deno.stat(`${directory}/ssh`)).mode ?? 0) & 0o777, 0o700);
  assert.equal(((await Deno.stat(keys.host.privateFile)).mode ?? 0) & 0o777, 0o600);
  const provisioning = {
    user: "dev",
    hostname: "b",
    clock: 1,
    env: { A: "v".repeat(70_000) },
    mounts: [],
  };
  const image = await makeProvisioningDisk(host, directory, provisioning, keys);
  assert.equal(((await Deno.stat(image)).mode ?? 0) & 0o777, 0o600);
  const names = await Array.fromAsync(Deno.readDir(directory), ({ name }) => name);
  assert.deepEqual(names.sort(), ["provisioning.img", "ssh"]);
  const debugfs = await host.which("debugfs") ?? "debugfs";
  const { stdout } = await run([debugfs, "-R", "cat env", image]);
  assert.equal(stdout, `A=${"v".repeat(70_000)}\0`);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("rotated keys are three new pairs in place of the old, and nothing else", async () => {
  const host = await detectHost();
  const directory = await Deno.makeTempDir();
  await ensureKeys(host, directory, "box");
  const pairs = Object.values(projectKeys(directory));
  const read = () => Promise.all(pairs.map(({ publicFile }) => Deno.readTextFile(publicFile)));
  const before = await read();
  await rotateKeys(host, directory, "box");
  const after = await read();
  assert.equal(new Set([...before, ...after]).size, 6);
  for (const [index, { privateFile }] of pairs.entries()) {
    const { stdout } = await run(["ssh-keygen", "-y", "-f", privateFile]);
    assert.equal(stdout, after[index]);
    assert.equal(((await Deno.stat(privateFile)).mode ?? 0) & 0o777, 0o600);
  }
  const names = await Array.fromAsync(Deno.readDir(`${directory}/ssh`), ({ name }) => name);
  assert.equal(names.length, 6);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a rotation that is cut short leaves no pair of halves that do not fit", async () => {
  const host = await detectHost();
  const directory = await Deno.makeTempDir();
  await ensureKeys(host, directory, "box");
  const keys = projectKeys(directory);
  // A file cannot take this one's place.
  await Deno.remove(keys.host.privateFile);
  await Deno.mkdir(`${keys.host.privateFile}/full`, { recursive: true });
  await assert.rejects(rotateKeys(host, directory, "box"));
  const { stdout } = await run(["ssh-keygen", "-y", "-f", keys.login.privateFile]);
  assert.equal(stdout, await Deno.readTextFile(keys.login.publicFile));
  await Deno.remove(keys.host.privateFile, { recursive: true });
  assert.equal(await ensureKeys(host, directory, "box"), true);
  const again = await run(["ssh-keygen", "-y", "-f", keys.host.privateFile]);
  assert.equal(again.stdout, await Deno.readTextFile(keys.host.publicFile));
  await Deno.remove(directory, { recursive: true });
});

Deno.test("a link in a key's place is an error, and nothing of what it leads to is taken", async () => {
  const host = await detectHost();
  const directory = await Deno.makeTempDir();
  await ensureKeys(host, directory, "box");
  const { identity } = projectKeys(directory);
  await Deno.remove(identity.privateFile);
  await Deno.symlink("/etc/hostname", identity.privateFile);
  await assert.rejects(ensureKeys(host, directory, "box"), /identity_ed25519 is not a plain file/);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("ssh reads the config as it is meant, whatever is in the paths", async () => {
  const parent = await Deno.makeTempDir();
  const directory = `${parent}/a "b" %h`;
  await Deno.mkdir(directory);
  const paths = sshPaths(directory);
  await Deno.writeTextFile(
    paths.config,
    sshConfig({ route: { kind: "address", address: "10.0.0.1" }, user: "dev", id: "x" }, paths),
  );
  const { stdout } = await run(["ssh", "-G", "-F", paths.config, "nixbox"]);
  const value = (key: string) => new RegExp(`^${key} (.*)$`, "m").exec(stdout)?.[1];
  assert.equal(value("hostname"), "10.0.0.1");
  assert.equal(value("stricthostkeychecking"), "true");
  assert.equal(value("serveraliveinterval"), "3");
  assert.equal(value("controlpath"), paths.controlSocket);
  assert.equal(value("forwardagent"), "no");
  await Deno.remove(parent, { recursive: true });
});

Deno.test("no secret is in the arguments of ssh, only where its config is", () => {
  const argv = sessionArgv("/r", "true", { tty: false });
  assert.deepEqual(argv.slice(0, 3), ["ssh", "-F", "/r/ssh_config"]);
});

Deno.test("a runtime directory too long for sockets is refused before anything is made", () => {
  checkRuntimeDirectory(`/${"a".repeat(80)}`);
  assert.throws(() => checkRuntimeDirectory(`/${"a".repeat(82)}`), /too long for sockets/);
});

Deno.test("a failed login is told by its cause", () => {
  assert.match(
    loginError("dev@x: Permission denied (publickey).").message,
    /refused the login key/,
  );
  assert.match(loginError("Host key verification failed.").message, /host key is not the one/);
  assert.match(loginError("Connection reset").message, /connection to the guest failed/);
});
