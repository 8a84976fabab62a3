import assert from "node:assert/strict";
import {
  type PrivateRoot,
  privateRootArgv,
  programDirectories,
} from "../../../lib/host/confinement/private_root.ts";
import { run } from "../../../lib/host/process/run.ts";
import { testOnLinux } from "../support/systems.ts";

const tools = { bash: "/bin/bash", setpriv: "/usr/bin/setpriv" };
const user = { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 };

/** Runs a script in a private root that shows what is given, and `share` as the place to start in. */
async function inside(
  script: string,
  shown: Partial<Pick<PrivateRoot, "readonly" | "files" | "writable">> = {},
) {
  const directory = await Deno.makeTempDir({ prefix: "it's a place " });
  await Deno.mkdir(`${directory}/place`);
  await Deno.mkdir(`${directory}/share`);
  const root = {
    place: `${directory}/place`,
    readonly: [...programDirectories, ...shown.readonly ?? []],
    files: shown.files ?? [],
    writable: [`${directory}/share`, ...shown.writable ?? []],
    cwd: `${directory}/share`,
  };
  const words = ["/bin/sh", "-c", script];
  const argv = privateRootArgv(root, "user-namespace", user, [], tools, words);
  const result = await run(argv, { accept: "any", timeoutMs: 20_000 });
  const left = [...Deno.readDirSync(`${directory}/place`)].length;
  await Deno.remove(directory, { recursive: true });
  return { ...result, left };
}

testOnLinux("a program in a private root sees what it is shown, and leaves nothing", async () => {
  const hidden = await Deno.makeTempDir();
  const secret = `${hidden}/secret`;
  await Deno.writeTextFile(secret, "secret");
  const script = `cat ${secret} /etc/passwd; echo made >file && cat file; pwd; ls -A /home /root`;
  const { stdout, left } = await inside(script);
  assert.match(stdout, /^made\n\/.*it's a place .*\/share\n$/);
  assert.equal(left, 0);
  const shown = await inside(`cat ${secret}; echo x >${secret}; rm ${secret}`, {
    readonly: [secret],
  });
  assert.equal(shown.stdout, "secret");
  assert.match(shown.stderr, /[Rr]ead-only/);
  assert.equal(await Deno.readTextFile(secret), "secret");
  await inside(`echo more >${secret}`, { writable: [secret] });
  assert.equal(await Deno.readTextFile(secret), "more\n");
  await Deno.remove(hidden, { recursive: true });
});

testOnLinux("a program in a private root has no capability, and no way out", async () => {
  const script = "grep -E '^(CapEff|CapPrm|CapBnd|CapAmb):' /proc/self/status; " +
    "mount -t tmpfs none /tmp; chroot / true; touch /made /usr/made; mknod /tmp/x b 8 0; " +
    `kill -0 ${Deno.pid}; ls /proc | grep -c '^[0-9]'`;
  const { stdout, stderr } = await inside(script);
  const [prm, eff, bnd, amb, processes = ""] = stdout.split("\n");
  for (const set of [prm, eff, bnd, amb]) assert.match(set ?? "", /:\t0+$/);
  assert.ok(Number(processes) <= 4, stdout);
  for (const what of [/mount: /, /chroot/, /\/made/, /mknod/, /kill/]) assert.match(stderr, what);
});

testOnLinux("what is not there is left out; links at the top are links", async () => {
  const directory = `${await Deno.makeTempDir()}/a \\place, with\tall`;
  await Deno.mkdir(directory);
  await Deno.writeTextFile(`${directory}/file`, "shown");
  await Deno.symlink("file", `${directory}/link`);
  const script = `cat '${directory}/link'; ls '${directory}'; readlink /bin || echo directory`;
  const { stdout, stderr } = await inside(script, {
    readonly: [`${directory}/missing`],
    files: [`${directory}/link`],
  });
  const bin = await Deno.readLink("/bin").catch(() => "directory");
  assert.equal(stdout, `shownlink\n${bin}\n`, stderr);
  await Deno.remove(directory, { recursive: true });
});

testOnLinux("what is mounted below a directory that is read-only is read-only, too", async () => {
  const directory = `${await Deno.makeTempDir()}/a 7 \\ 1`;
  await Deno.mkdir(directory);
  await Deno.mkdir(`${directory}/below`);
  const place = await Deno.makeTempDir();
  const root = { place, readonly: [...programDirectories, directory] };
  const script = `touch '${directory}/below/made' '${directory}/made'; ls '${directory}/below'`;
  const argv = privateRootArgv(
    { ...root, writable: [], cwd: "/" },
    "user-namespace",
    user,
    [],
    tools,
    ["/bin/sh", "-c", script],
  );
  // A mount of another user namespace's, as the host's are.
  const mounting = 'mount -t tmpfs none "$0/below" && : >"$0/below/old" && exec "$@"';
  const outer = [
    "unshare",
    "--user",
    "--map-root-user",
    "--mount",
    "sh",
    "-c",
    mounting,
    directory,
  ];
  const { stdout, stderr } = await run([...outer, ...argv], { accept: "any" });
  assert.equal(stdout, "old\n", stderr);
  assert.equal(stderr.match(/Read-only file system/g)?.length, 2, stderr);
  for (const one of [directory, place]) await Deno.remove(one, { recursive: true });
});

testOnLinux("what may be a part of a path shows a file, and no directory", async () => {
  const directory = await Deno.makeTempDir();
  await Deno.writeTextFile(`${directory}/kernel`, "kernel");
  await Deno.mkdir(`${directory}/home`);
  await Deno.writeTextFile(`${directory}/home/key`, "secret");
  const files = [`${directory}/kernel`, `${directory}/home`];
  const { stdout } = await inside(`cat ${directory}/kernel; ls ${directory}`, { files });
  assert.equal(stdout, "kernelkernel\n");
  await Deno.remove(directory, { recursive: true });
});

testOnLinux("how the program ends is how the command ends", async () => {
  assert.equal((await inside("exit 7")).code, 7);
});
