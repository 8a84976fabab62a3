import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { parentOf } from "../../lib/base/paths.ts";
import { run } from "../../lib/host/process/run.ts";
import { nixboxArgv, TestProject } from "./support/machine.ts";

Deno.test("cp moves files both ways, with modes and times, and writes nowhere else", async (t) => {
  await using project = await TestProject.make();
  await project.mustUp();
  const parent = parentOf(project.directory);
  const outside = `${parent}/outside of any share`;
  await Deno.mkdir(outside);
  const inGuest = async (line: string) => (await project.run(line)).stdout.trim();
  const cp = (...words: string[]) =>
    project.call(["--project", project.directory, "cp", ...words], { cwd: outside });
  const mustCp = async (...words: string[]) => {
    const { code, stderr } = await cp(...words);
    assert.equal(code, 0, stderr);
  };
  const long = `${"long name ".repeat(15)}é`;
  const time = new Date("2020-02-02T02:02:02Z");
  await Deno.writeTextFile(`${outside}/file`, "content\n", { mode: 0o750 });
  await Deno.utime(`${outside}/file`, time, time);
  await Deno.mkdir(`${outside}/tree/sub dir`, { recursive: true });
  await Deno.writeTextFile(`${outside}/tree/sub dir/it's "a" \\ file`, "deep\n");
  await Deno.writeTextFile(`${outside}/tree/${long}`, "long\n", { mode: 0o600 });
  await Deno.symlink("/etc/shadow", `${outside}/tree/link`);
  await Deno.writeTextFile(`${outside}/-rf`, "dash\n");

  await t.step(
    "a file goes in: to the home directory, into a directory, to a new name",
    async () => {
      await mustCp("file", "vm:");
      await mustCp("file", "vm:~/renamed");
      await mustCp("file", `vm:/tmp/${long}`);
      await mustCp(`${outside}/file`, "vm:/tmp/");
      const line = `cd; stat -c '%a %Y %U' file renamed /tmp/file "/tmp/${long}" && cat renamed`;
      const one = `750 ${time.getTime() / 1000} dev`;
      assert.equal(await inGuest(line), `${one}\n${one}\n${one}\n${one}\ncontent`);
    },
  );

  await t.step("a directory goes in, whole: its links stay links", async () => {
    await mustCp("tree", "vm:/tmp");
    await mustCp("tree", "vm:/tmp/other");
    await mustCp("tree/.", "vm:/tmp/dots");
    for (const name of ["tree", "other", "dots"]) {
      const line = `cd /tmp/${name} && cat */* && readlink link && stat -c %a "${long}"`;
      assert.equal(await inGuest(line), "deep\n/etc/shadow\n600");
    }
    await mustCp("tree", "vm:/tmp");
    assert.equal(await inGuest("ls /tmp/tree | grep -c tree"), "0");
  });

  await t.step("several go in at once, and one whose name looks like an option", async () => {
    await inGuest("mkdir /tmp/several");
    await mustCp("file", "tree", "./-rf", "vm:/tmp/several");
    assert.equal(await inGuest("ls -1 /tmp/several | wc -l"), "3");
  });

  await t.step("a file comes out, with its mode and time", async () => {
    await inGuest("cd; echo made >out; chmod 640 out; touch -d @1500000000 out; ln -s out linked");
    await mustCp("vm:out", ".");
    await mustCp("vm:out", `./${long}`);
    await mustCp("vm:linked", "followed");
    for (const name of ["out", long, "followed"]) {
      const info = await Deno.lstat(`${outside}/${name}`);
      assert.equal((info.mode ?? 0) & 0o7777, 0o640);
      assert.equal(info.mtime?.getTime(), 1_500_000_000_000);
      assert.equal(info.uid, Deno.uid());
      assert.equal(await Deno.readTextFile(`${outside}/${name}`), "made\n");
    }
  });

  await t.step("a directory comes out, whole, without set-user-id bits", async () => {
    await inGuest(
      "cd /tmp/tree; cp /bin/true suid; chmod 4755 suid; mkfifo fifo; touch -d @1 'sub dir'",
    );
    await mustCp("vm:/tmp/tree", "back");
    assert.equal(await Deno.readTextFile(`${outside}/back/sub dir/it's "a" \\ file`), "deep\n");
    assert.equal(await Deno.readLink(`${outside}/back/link`), "/etc/shadow");
    assert.equal(((await Deno.stat(`${outside}/back/suid`)).mode ?? 0) & 0o7777, 0o755);
    assert.equal((await Deno.stat(`${outside}/back/sub dir`)).mtime?.getTime(), 1000);
    await mustCp("vm:/tmp/tree", ".");
    assert.equal(await exists(`${outside}/tree/suid`), true);
  });

  await t.step("into and out of the project's own share", async () => {
    await mustCp("vm:/tmp/tree", project.directory);
    await mustCp("vm:out", `${project.directory}/tree/`);
    assert.equal(await inGuest("cat ~/workspace/tree/out"), "made");
    await mustCp(`${project.directory}/tree`, "vm:/tmp/round");
    assert.equal(await inGuest("cat /tmp/round/out"), "made");
  });

  await t.step("what is in a directory comes out into the top of a share", async () => {
    await inGuest("mkdir ~/workspace/d && echo inner >~/workspace/d/inner");
    const { code, stderr } = await project.call(["cp", "vm:workspace/d/.", "."]);
    assert.equal(code, 0, stderr);
    assert.equal(await Deno.readTextFile(`${project.directory}/inner`), "inner\n");
  });

  await t.step("- is standard input and output", async () => {
    const bytes = "line\n".repeat(50_000);
    const sent = await project.call(["cp", "-", "vm:streamed"], { stdin: bytes });
    assert.equal(sent.code, 0, sent.stderr);
    assert.equal((await project.call(["cp", "vm:streamed", "-"])).stdout, bytes);
  });

  await t.step("a large file arrives whole", async () => {
    await inGuest("head -c 50000000 /dev/urandom >/tmp/large; sha256sum </tmp/large >/tmp/sum");
    await mustCp("vm:/tmp/large", "large");
    await mustCp("large", "vm:/tmp/again");
    assert.equal(await inGuest("sha256sum </tmp/again | cmp - /tmp/sum && echo same"), "same");
  });

  await t.step("on a terminal it shows how far it has come", async () => {
    const line = nixboxArgv("--project", "'$project'", "cp", "large", "vm:/tmp/third").join(" ");
    const command = line.replace("$project", project.directory.replaceAll("'", "'\\''"));
    const { code, stdout } = await run(["script", "-qec", command, "/dev/null"], { cwd: outside });
    assert.equal(code, 0);
    assert.match(stdout, /copy large to vm:\/tmp\/third \d+\.\d s \d+\.\d MB of 50\.0 MB/);
    assert.match(stdout, /✓ .*copy large to vm:\/tmp\/third/);
  });

  const wrong: readonly (readonly [readonly string[], number, RegExp])[] = [
    [["file", "other"], 2, /neither end is the machine's/],
    [["vm:a", "vm:b"], 2, /both ends are the machine's/],
    [["file", "-", "vm:x"], 2, /- takes one file/],
    [["nothing", "vm:"], 1, /there is no nothing/],
    [["vm:nothing", "."], 1, /vm:nothing cannot be read: .*No such file/],
    [["vm:/dev/null", "x"], 1, /neither a file nor a directory/],
    [["vm:/root", "x"], 1, /cannot|Permission denied/],
    [["file", "vm:/nowhere/x"], 1, /there is no directory \/nowhere/],
    [["file", "vm:out/"], 1, /out\/ is not a directory/],
    [["vm:out", "nowhere/x"], 1, /cannot be written/],
    [["vm:out", "vm:linked", "newname"], 1, /newname is not a directory/],
  ];
  for (const [words, expected, says] of wrong) {
    await t.step(`wrong: ${words.join(" ")}`, async () => {
      const { code, stderr } = await cp(...words);
      assert.equal(code, expected, stderr);
      assert.match(stderr, says);
    });
  }

  await t.step("an archive that the guest forges writes nothing beside its directory", async () => {
    // Whoever is root in the guest decides what its tar sends.
    const forge = `#!/usr/bin/python3
import io, sys, tarfile
out = tarfile.open(fileobj=sys.stdout.buffer, mode="w|")
def add(name, data=b"evil", **more):
    info = tarfile.TarInfo(name)
    for key, value in more.items(): setattr(info, key, value)
    info.size = len(data) if info.type == tarfile.REGTYPE else 0
    out.addfile(info, io.BytesIO(data))
add("./fine")
add("../escaped1")
add("/var/tmp/escaped2")
add("./up", type=tarfile.SYMTYPE, linkname="..")
add("./up/escaped3")
add("./abs", type=tarfile.SYMTYPE, linkname="/var/tmp")
add("./abs/escaped4")
add("./self", type=tarfile.SYMTYPE, linkname=".")
add("./self/inside")
add("./hard", type=tarfile.LNKTYPE, linkname="../file")
add("./hard2", type=tarfile.LNKTYPE, linkname="/etc/passwd")
out.close()
`;
    await project.call(["cp", "-", "vm:/tmp/forged"], { stdin: forge });
    await inGuest(
      "chmod +x /tmp/forged; sudo mv /usr/bin/tar /usr/bin/tar.away; sudo cp /tmp/forged /usr/bin/tar",
    );
    const before = await names(outside);
    await cp("vm:/tmp/tree", "forged");
    await cp("vm:/tmp/tree", `${project.directory}/forged`);
    await inGuest("sudo mv /usr/bin/tar.away /usr/bin/tar");
    assert.deepEqual(await names(outside), [...before, "forged"].sort());
    assert.equal(await Deno.readTextFile(`${outside}/forged/fine`), "evil");
    for (const where of ["/var/tmp", parent, project.directory, outside]) {
      const escaped = (await names(where)).filter((name) => name.startsWith("escaped"));
      assert.deepEqual(escaped, []);
    }
    for (const name of ["hard", "hard2"]) {
      assert.equal(await exists(`${outside}/forged/${name}`), false);
    }
    assert.equal(await Deno.readTextFile(`${outside}/file`), "content\n");
  });

  await t.step("a guest whose stat lies is refused", async () => {
    await inGuest(
      "printf '#!/bin/sh\\necho \"regular file|5|777|1;touch x\"' >/tmp/stat; chmod +x /tmp/stat; sudo mv /usr/bin/stat /usr/bin/stat.away; sudo cp /tmp/stat /usr/bin/stat",
    );
    const { code, stderr } = await cp("vm:out", "lied");
    assert.equal(code, 1);
    assert.match(stderr, /cannot be read/);
    await inGuest("sudo mv /usr/bin/stat.away /usr/bin/stat");
    assert.equal(await exists(`${outside}/lied`), false);
  });
});

async function names(directory: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(directory), ({ name }) => name)).sort();
}
