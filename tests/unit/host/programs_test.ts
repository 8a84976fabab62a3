import assert from "node:assert/strict";
import { makeCommand } from "../../../lib/host/process/command.ts";
import { spawnDetached } from "../../../lib/host/process/detached.ts";
import { endProcess } from "../../../lib/host/root/end_process.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import { runAsRoot } from "../../../lib/host/root/as_root.ts";
import { privateGroupsOf } from "../../../lib/host/files/private_group.ts";
import { privilegeOf } from "../../../lib/host/root/privilege.ts";
import { run } from "../../../lib/host/process/run.ts";
import { installHint } from "../../../lib/host/tools.ts";
import { waitFor } from "../../../lib/base/wait.ts";
import {
  childPath,
  doorForTest,
  findProgram,
  keepProgramsFrom,
  refusedPrograms,
  rootProgram,
  startableArgv,
} from "../../../lib/host/process/programs.ts";

/** A directory of one test's own, which nobody else may write to. */
async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.realPath(await Deno.makeTempDir({ prefix: "nixbox-programs-" }));
  await Deno.chmod(directory, 0o755);
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function script(path: string, text = "#!/bin/sh\necho evil\n"): Promise<string> {
  await Deno.mkdir(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  await Deno.writeTextFile(path, text, { mode: 0o755 });
  await Deno.chmod(path, 0o755);
  return path;
}

async function withPath(path: string, work: () => Promise<void> | void): Promise<void> {
  const close = doorForTest({ path });
  try {
    await work();
  } finally {
    close();
  }
}

/** What a directory on PATH can be, and whether its programs are run. */
const entries: readonly {
  readonly what: string;
  readonly make: (directory: string) => Promise<string>;
  readonly refused?: RegExp;
}[] = [
  {
    what: "a directory of the user's own",
    make: async (root) => `${await script(`${root}/bin/tool`)}/..`.replace("/tool/..", ""),
  },
  {
    what: "a directory that everybody can write to",
    make: async (root) => {
      await script(`${root}/open/tool`);
      await Deno.chmod(`${root}/open`, 0o777);
      return `${root}/open`;
    },
    refused: /open may be written by everybody/,
  },
  {
    what: "a program that its group can write to",
    make: async (root) => {
      await Deno.chmod(await script(`${root}/bin/tool`), 0o775);
      await Deno.chown(`${root}/bin/tool`, null, 12345);
      return `${root}/bin`;
    },
    refused: /tool may be written by its group/,
  },
  {
    what: "a directory of another user's",
    make: async (root) => {
      await script(`${root}/theirs/tool`);
      await Deno.chown(`${root}/theirs`, 12345, 12345);
      return `${root}/theirs`;
    },
    refused: /theirs belongs to user 12345/,
  },
  {
    what: "a program below another user's directory",
    make: async (root) => {
      await script(`${root}/theirs/bin/tool`);
      await Deno.chown(`${root}/theirs`, 12345, 12345);
      return `${root}/theirs/bin`;
    },
    refused: /theirs belongs to user 12345/,
  },
  {
    what: "a symlink to another user's program",
    make: async (root) => {
      await script(`${root}/theirs/tool`);
      await Deno.chown(`${root}/theirs`, 12345, 12345);
      await Deno.mkdir(`${root}/bin`);
      await Deno.symlink("../theirs/tool", `${root}/bin/tool`);
      return `${root}/bin`;
    },
    refused: /theirs belongs to user 12345/,
  },
  {
    what: "a nixbox project",
    make: async (root) => {
      await script(`${root}/project/node_modules/.bin/tool`);
      await Deno.mkdir(`${root}/project/.nixbox`);
      return `${root}/project/node_modules/.bin`;
    },
    refused: /project is a nixbox project, which its guest can write to/,
  },
  {
    what: "a symlink into a nixbox project",
    make: async (root) => {
      await script(`${root}/project/bin/tool`);
      await Deno.mkdir(`${root}/project/.nixbox`);
      await Deno.symlink("project/bin", `${root}/link`);
      return `${root}/link`;
    },
    refused: /project is a nixbox project/,
  },
];

for (const { what, make, refused } of entries) {
  Deno.test(`on PATH, ${what}: its program is ${refused ? "refused by name" : "run"}`, () =>
    inDirectory(async (root) => {
      const entry = await make(root);
      await withPath(entry, async () => {
        const found = findProgram("tool");
        if (refused === undefined) {
          assert.equal(found, `${entry}/tool`);
          assert.ok(childPath("user").split(":").includes(entry));
          return;
        }
        assert.equal(found, undefined);
        assert.match(refusedPrograms("tool")[0]?.reason ?? "", refused);
        assert.match(await installHint(["tool"]), refused);
        assert.throws(() => startableArgv(["tool"]), (error) => {
          assert.ok(error instanceof Error);
          assert.match(error.message, /tool is not run: /);
          assert.match(error.message, refused);
          return true;
        });
      });
    }));
}

Deno.test("what a guest can write is not run, nor handed to a child's PATH", () =>
  inDirectory(async (root) => {
    await script(`${root}/share/bin/tool`);
    await script(`${root}/bin/tool`);
    await Deno.mkdir(`${root}/links`);
    await Deno.symlink("../share/bin/tool", `${root}/links/tool`);
    await withPath(`${root}/share/bin:${root}/links:${root}/bin:/usr/bin:/bin`, async () => {
      assert.equal(findProgram("tool"), `${root}/share/bin/tool`);
      keepProgramsFrom([`${root}/share`]);
      assert.equal(findProgram("tool"), `${root}/bin/tool`);
      assert.deepEqual(refusedPrograms("tool").map(({ reason }) => reason), [
        `a guest can write to ${root}/share`,
        `a guest can write to ${root}/share`,
      ]);
      assert.ok(!childPath("user").includes("share"));
      const { stdout } = await run(["sh", "-c", "echo $PATH"]);
      assert.ok(!stdout.includes(`${root}/share`), stdout);
      assert.ok(stdout.includes(`${root}/bin`), stdout);
    });
  }));

Deno.test("relative and empty entries of PATH count for nobody, whatever the directory is", () =>
  inDirectory(async (root) => {
    await script(`${root}/tool`);
    await script(`${root}/.venv/bin/nft`);
    const before = Deno.cwd();
    Deno.chdir(root);
    try {
      await withPath(":.:.venv/bin::/usr/bin:/bin", async () => {
        assert.equal(findProgram("tool"), undefined);
        assert.ok(findProgram("nft", "user")?.startsWith("/usr/") ?? true);
        const { stdout } = await run(["sh", "-c", "echo $PATH; command -v tool || true"], {
          cwd: root,
        });
        assert.ok(stdout.split("\n")[0]?.split(":").every((entry) => entry.startsWith("/")));
        assert.equal(stdout.split("\n")[1], "");
      });
    } finally {
      Deno.chdir(before);
    }
  }));

Deno.test("root's programs come from the system's directories, whatever PATH says", () =>
  inDirectory(async (root) => {
    await script(`${root}/bin/nixbox-tool`);
    await script(`${root}/bin/nft`);
    await script(`${root}/bin/sudo`);
    await withPath(`${root}/bin`, async () => {
      assert.equal(findProgram("nixbox-tool", "root"), undefined);
      assert.ok(!(findProgram("nft") ?? "").startsWith(root));
      assert.ok(!(findProgram("sudo") ?? "").startsWith(root));
      assert.match(rootProgram("true"), /^\/(usr\/)?bin\/true$/);
      const host = { privilege: privilegeOf(0) };
      await assert.rejects(runAsRoot(host, ["nixbox-tool"]), /no such program/);
      const { stdout } = await runAsRoot(host, ["sh", "-c", "echo $PATH"]);
      assert.ok(!stdout.includes(root), stdout);
    });
  }));

Deno.test("a full path that others can change is not run as root, and is named with the reason", () =>
  inDirectory(async (root) => {
    const program = await script(`${root}/tool`);
    // Below /tmp, which is sticky: that will do for a user's program, and not for root's.
    assert.throws(() => rootProgram(program), /tool is not run as root: \/tmp may be written by/);
    // By sudo too, in whatever way the argv came about.
    const bySudo = ["sudo", "--", program, "x"];
    assert.throws(() => makeCommand(bySudo), /tool is not run as root: /);
    assert.equal(rootProgram("/usr/bin/env"), "/usr/bin/env");
  }));

Deno.test("where it cannot be told what guests write, only root's programs are run", () =>
  inDirectory(async (root) => {
    await script(`${root}/bin/tool`);
    await withPath(`${root}/bin:/usr/bin`, () => {
      assert.equal(findProgram("tool"), `${root}/bin/tool`);
      keepProgramsFrom("unknown");
      assert.equal(findProgram("tool"), undefined);
      assert.match(findProgram("env") ?? "", /^\/(usr\/)?bin\/env$/);
      keepProgramsFrom([]);
      assert.equal(findProgram("tool"), undefined, "what was unknown stays so");
    });
  }));

Deno.test("a name with a slash counts from the directory it is run in, or is refused", async () => {
  assert.deepEqual(startableArgv(["./login.sh", "x"], "/p"), ["/p/login.sh", "x"]);
  await assert.rejects(run(["bin/tool"]), /bin\/tool is not run: it is a relative path/);
});

Deno.test("what stays behind gets a clean PATH, and no libraries from where it stands", () =>
  inDirectory(async (root) => {
    const host = await detectHost();
    Deno.env.set("LD_LIBRARY_PATH", `:lib:${root}`);
    await withPath(`.:${root}/nothing:/usr/bin:/bin`, async () => {
      try {
        const logFile = `${root}/log`;
        const argv = ["sh", "-c", 'echo "$PATH|$LD_LIBRARY_PATH"; exec sleep 1000'];
        const { identity } = await spawnDetached(host, argv, { logFile, cwd: "/", owner: "x" });
        const text = await waitFor(async () => await Deno.readTextFile(logFile) || undefined, {
          timeoutMs: 10_000,
        });
        await endProcess(host, identity, { graceMs: 5000 });
        const [path, libraries] = text?.trim().split("|") ?? [];
        assert.ok(path?.split(":").every((entry) => entry.startsWith("/")));
        assert.equal(libraries, root);
      } finally {
        Deno.env.delete("LD_LIBRARY_PATH");
      }
    });
  }));

Deno.test("a file of the project's is not read first by a shell, or by the loader", () =>
  inDirectory(async (root) => {
    await Deno.writeTextFile(`${root}/first`, "echo evil\n");
    Deno.env.set("BASH_ENV", "first");
    Deno.env.set("LD_PRELOAD", "./evil.so");
    try {
      const { stdout, stderr } = await run(["bash", "-c", "echo $BASH_ENV$LD_PRELOAD"], {
        cwd: root,
      });
      assert.deepEqual([stdout, stderr], ["\n", ""]);
      Deno.env.set("BASH_ENV", `${root}/first`);
      assert.match(
        (await run(["bash", "-c", "true"])).stdout,
        /evil/,
        "the user's own, by its path",
      );
    } finally {
      Deno.env.delete("BASH_ENV");
      Deno.env.delete("LD_PRELOAD");
    }
  }));

Deno.test("a group is a user's own only if nobody else is in it", () => {
  const passwd = "root:x:0:0::/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n";
  const group = "root:x:0:\nann:x:1000:\n";
  assert.deepEqual(privateGroupsOf(1000, passwd, group), [1000]);
  assert.deepEqual(privateGroupsOf(1000, passwd, "ann:x:1000:ann\n"), [1000]);
  assert.deepEqual(privateGroupsOf(1000, passwd, "ann:x:1000:ann,bob\n"), []);
  assert.deepEqual(privateGroupsOf(1000, `${passwd}bob:x:1001:1000:::\n`, group), []);
  assert.deepEqual(privateGroupsOf(1000, passwd, ""), []);
  assert.deepEqual(privateGroupsOf(7, passwd, group), []);
});

Deno.test("nothing in lib makes a process but by the door", async () => {
  const root = new URL("../../../lib/", import.meta.url).pathname;
  const found: string[] = [];
  const visit = async (directory: string): Promise<void> => {
    for await (const entry of Deno.readDir(directory)) {
      const path = `${directory}${entry.name}`;
      if (entry.isDirectory) await visit(`${path}/`);
      else if (path !== `${root}host/process/command.ts`) {
        const text = await Deno.readTextFile(path);
        if (/new Deno\.Command|node:child_process|Deno\.spawn/.test(text)) found.push(path);
        // By sudo only what runAsRoot has looked at.
        if (/run\(\s*host\.privilege/.test(text) && !path.endsWith("/as_root.ts")) found.push(path);
      }
    }
  };
  await visit(root);
  assert.deepEqual(found, []);
});
