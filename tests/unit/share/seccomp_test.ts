import assert from "node:assert/strict";
import { detectHost } from "../../../lib/host/detect.ts";
import { run } from "../../../lib/host/process/run.ts";
import { modeFilter } from "../../../lib/share/seccomp.ts";
import { testOnLinux } from "../support/systems.ts";
import { runBpf } from "./classic_bpf.ts";

const allowed = 0x7fff0000;
const killed = 0x80000000;
const EPERM = 0x50001;
const ENOSYS = 0x50026;
const EOPNOTSUPP = 0x5005f;

const systems = {
  "x86_64-linux": {
    arch: 0xc000003e,
    chmod: [[90, 1], [91, 1], [268, 2], [452, 2], [85, 1]],
    open: [[2, 1, 2], [257, 2, 3]],
    mknod: [[133, 1], [259, 2]],
    xattr: [188, 189, 190, 463],
    harmless: [[0, 6000], [82, 0o4755], [264, 0o4755], [92, 0o4755]],
  },
  "aarch64-linux": {
    arch: 0xc00000b7,
    chmod: [[52, 1], [53, 2], [452, 2]],
    open: [[56, 2, 3]],
    mknod: [[33, 2]],
    xattr: [5, 6, 7, 463],
    harmless: [[63, 6000], [38, 0o4755], [54, 0o4755]],
  },
} as const;

const O_CREAT = 0o100;
const O_TMPFILE = 0o20200000;

for (const [name, { arch, chmod, open, mknod, xattr, harmless }] of Object.entries(systems)) {
  const system = name === "aarch64-linux" ? name : "x86_64-linux";
  const program = modeFilter(system);
  const answer = (number: number, args: readonly number[] = [], on: number = arch) =>
    runBpf(program, { arch: on, number, args });
  const withArgument = (index: number, value: number) =>
    Array.from({ length: 6 }, (_, at) => at === index ? value : 0xffffffff);

  Deno.test(`${name}: no call sets a set-user-id or set-group-id bit`, () => {
    for (const [number, index] of [...chmod, ...mknod]) {
      for (const mode of [0o4000, 0o2000, 0o6755, 0o104755]) {
        assert.equal(answer(number, withArgument(index, mode)), EPERM, `${number} ${mode}`);
      }
      for (const mode of [0, 0o777, 0o1777, 0o100644]) {
        assert.equal(answer(number, withArgument(index, mode)), allowed, `${number} ${mode}`);
      }
    }
  });

  Deno.test(`${name}: open is refused where it makes such a file, and only there`, () => {
    for (const [number, flagsAt, modeAt] of open) {
      const opened = (flags: number, mode: number) => {
        const args = [0, 0, 0, 0, 0, 0];
        args[flagsAt] = flags;
        args[modeAt] = mode;
        return answer(number, args);
      };
      for (const flags of [O_CREAT, O_CREAT | 1, O_TMPFILE | 2]) {
        assert.equal(opened(flags, 0o4755), EPERM);
        assert.equal(opened(flags, 0o2755), EPERM);
        assert.equal(opened(flags, 0o755), allowed);
      }
      // What stands in the place of a mode that was not given.
      assert.equal(opened(0, 0xffffffff), allowed);
      assert.equal(opened(0o200000, 0o7777), allowed);
    }
  });

  Deno.test(`${name}: no device is made; files, pipes and sockets are`, () => {
    for (const [number, index] of mknod) {
      for (const mode of [0o020666, 0o060666]) {
        assert.equal(answer(number, withArgument(index, mode)), EPERM);
      }
      for (const mode of [0o100644, 0o010644, 0o140755, 0o644]) {
        assert.equal(answer(number, withArgument(index, mode)), allowed);
      }
    }
  });

  Deno.test(`${name}: no other way leads past the filter`, () => {
    assert.equal(answer(437), ENOSYS);
    for (const number of [425, 426, 427]) assert.equal(answer(number), EPERM);
    for (const number of xattr) assert.equal(answer(number), EOPNOTSUPP);
    for (const other of [0x40000003, 0xc000003e, 0xc00000b7, 0x40000028, 0]) {
      if (other !== arch) assert.equal(answer(chmod[0][0], [], other), killed);
    }
    if (system === "x86_64-linux") assert.equal(answer(0x40000000 + 90, []), killed);
  });

  Deno.test(`${name}: all else is let through`, () => {
    for (const [number, value] of harmless) {
      assert.equal(answer(number, Array(6).fill(value)), allowed, `${number}`);
    }
  });

  Deno.test(`${name}: the kernel would take the program`, () => {
    assert.ok(program.length / 8 <= 4096);
    assert.equal(program.length % 8, 0);
  });
}

const probe = `
import os, stat, socket, ctypes, errno
os.umask(0)
def attempt(name, work):
    try:
        work(); print(name, "done")
    except OSError as error:
        print(name, errno.errorcode[error.errno])
open("file", "w").close()
attempt("chmod", lambda: os.chmod("file", 0o4755))
attempt("fchmod", lambda: os.fchmod(os.open("file", os.O_RDONLY), 0o2755))
attempt("open", lambda: os.open("made", os.O_CREAT | os.O_WRONLY, 0o4755))
attempt("mknod", lambda: os.mknod("node", stat.S_IFREG | 0o6755))
attempt("device", lambda: os.mknod("device", stat.S_IFCHR | 0o666, os.makedev(1, 3)))
attempt("tmpfile", lambda: os.open(".", os.O_TMPFILE | os.O_RDWR, 0o4755))
attempt("setxattr", lambda: os.setxattr("file", "user.x", b"1"))
libc = ctypes.CDLL(None, use_errno=True)
def openat2():
    how = (ctypes.c_ulong * 3)(os.O_CREAT | os.O_WRONLY, 0o4755, 0)
    if libc.syscall(437, -100, b"two", how, 24) < 0: raise OSError(ctypes.get_errno(), "")
attempt("openat2", openat2)
attempt("plain", lambda: os.close(os.open("plain", os.O_CREAT | os.O_WRONLY, 0o755)))
attempt("fifo", lambda: os.mkfifo("fifo", 0o644))
print([name for name in sorted(os.listdir(".")) if os.stat(name).st_mode & 0o6000])
`;

async function tried(words: readonly string[]): Promise<string> {
  const cwd = await Deno.makeTempDir();
  const filter = await Deno.makeTempFile();
  const { nixSystem } = await detectHost();
  await Deno.writeFile(filter, modeFilter(nixSystem));
  const { stdout, stderr } = await run([...words, filter, "python3", "-c", probe], { cwd });
  await Deno.remove(cwd, { recursive: true });
  await Deno.remove(filter);
  return stdout + stderr;
}

const refused = ["chmod", "fchmod", "open", "mknod", "device", "tmpfile"]
  .map((name) => `${name} EPERM\n`).join("") +
  "setxattr ENOTSUP\nopenat2 ENOSYS\nplain done\nfifo done\n[]\n";

testOnLinux("the kernel takes the filter, as this host installs it, and it holds", async () => {
  const words = await (await detectHost()).callFilter();
  assert.ok(words);
  assert.equal(await tried(words), refused);
});

testOnLinux("where setpriv is too old, nixbox installs it and becomes the program", async () => {
  const main = new URL("../../../main.ts", import.meta.url).pathname;
  const own = [Deno.execPath(), "run", "--quiet", "--allow-all", main, "internal-filter"];
  assert.equal(await tried(own), refused);
});
