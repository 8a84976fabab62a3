import assert from "node:assert/strict";
import { parentOf } from "../../lib/base/paths.ts";
import { run } from "../../lib/host/process/run.ts";
import { nixboxArgv, TestProject } from "./support/machine.ts";

/** All that on the host has a set-user-id or set-group-id bit, is a device, or has an attribute. */
async function dangerous(directory: string): Promise<string> {
  const find = ["find", directory, "(", "-perm", "/6000", "-o", "-type", "b", "-o", "-type", "c"];
  const { stdout } = await run([...find, ")", "!", "-name", "ours*", "-printf", "%M %p\\n"]);
  return stdout;
}

/** What a stranger on the host can become by running each program that lies in a directory. */
async function identities(directory: string): Promise<string> {
  const { stdout } = await run([
    ...["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c"],
    'for file in "$0"/*; do [ -f "$file" ] && [ -x "$file" ] && "$file" -pc "id -u; id -g"; done',
    directory,
  ], { accept: "any" });
  return [...new Set(stdout.trim().split("\n"))].join(" ");
}

const refused = {
  "chmod u+s": "EPERM",
  "chmod g+s": "EPERM",
  "fchmod": "EPERM",
  "open with the bit": "EPERM",
  "mknod of a file": "EPERM",
  "mknod of a character device": "EPERM",
  "mknod of a block device": "EPERM",
};

/** As where a kernel lets no user make namespaces: root makes virtiofsd's. */
const withoutNamespaces = [
  ...["deno", "run", "--quiet", "--no-prompt", "--cached-only", "--allow-all"],
  "/src/tests/stand_in/no_user_namespaces.ts",
];

const hosts: readonly (readonly [string, string, boolean])[] = [
  ["root", "root", true],
  ["dev", "dev", true],
  ["root, without user namespaces", "root", false],
  ["dev, without user namespaces", "dev", false],
];

for (const [who, user, hasNamespaces] of hosts) {
  Deno.test(`nixbox run by ${who}: nothing that a guest makes gives anybody on the host more rights`, async (t) => {
    await using project = await TestProject.make();
    const { directory } = project;
    const nixbox = user === "root" ? [] : ["as-dev"];
    const argvOf = (...words: string[]) =>
      hasNamespaces ? nixboxArgv(...words) : [...withoutNamespaces, ...words];
    const call = (...words: string[]) =>
      run([...nixbox, ...argvOf(...words)], {
        cwd: directory,
        accept: "any",
        timeoutMs: 120_000,
      });
    if (user === "dev") await run(["chown", "-R", "dev:dev", directory]);
    // What is on the host before: a program of the user's with the bit, which the guest can write to.
    await run(["cp", "/bin/sh", `${directory}/ours`]);
    if (user === "dev") await run(["chown", "dev:dev", `${directory}/ours`]);
    await Deno.chmod(`${directory}/ours`, 0o4755);
    assert.equal((await call("trust", "--yes")).code, 0);
    const up = await call("up", "--runner", "/lab/runner");
    assert.equal(up.code, 0, up.stderr);
    await Deno.mkdir(`${directory}/by-ssh`);
    if (user === "dev") await run(["chown", "dev:dev", `${directory}/by-ssh`]);
    if (hasNamespaces) {
      const mounted = await call("mount", "by-ssh:/mnt/ssh", "--via", "sshfs");
      assert.equal(mounted.code, 0, mounted.stderr);
    }
    try {
      for (
        const [what, place, kept] of [
          ["virtiofs", "/home/dev/workspace/made", `${directory}/made`],
          ["sshfs", "/mnt/ssh/made", `${directory}/by-ssh/made`],
        ] as const
      ) {
        // Without namespaces an SFTP server cannot be confined, and is not started.
        if (what === "sshfs" && !hasNamespaces) continue;
        await t.step(`${what}: no way of root in the guest makes such a file`, async () => {
          const { stdout, stderr } = await call(
            ...["run", "--", "sudo", "python3", "/run/lab/set_user_id.py", place],
          );
          const results: Record<string, string> = JSON.parse(stdout || `"${stderr}"`);
          assert.ok(!Object.values(results).includes("made"), stdout);
          if (what === "virtiofs") {
            for (const [way, error] of Object.entries(refused)) assert.equal(results[way], error);
          }
          assert.equal(await dangerous(directory), "");
          assert.ok([...Deno.readDirSync(kept)].length > 8, "programs were made, without the bit");
          await run(["chmod", "-R", "a+rX", kept]);
          assert.equal(await identities(kept), "65534");
        });
      }

      await t.step("what had the bit before loses it when the guest writes to it", async () => {
        const line = "cd ~/workspace; sudo ln ours linked; sudo cp /bin/cat /run/cat; " +
          "sudo dd if=/run/cat of=linked conv=notrunc status=none; cmp -n 64 ours /run/cat";
        const { code, stderr } = await call("run", line);
        assert.equal(code, 0, stderr);
        assert.equal((Deno.statSync(`${directory}/ours`).mode ?? 0) & 0o6000, 0);
      });

      await t.step(
        "what is copied out has no such bit, and no more rights than the umask gives",
        async () => {
          const line =
            "mkdir -p /tmp/out/dir; cp /bin/sh /tmp/out/sh; cp /bin/sh /tmp/one; sudo chown 0:0 /tmp/out/sh; " +
            "sudo chmod 6777 /tmp/out/sh /tmp/one; chmod 3777 /tmp/out/dir";
          assert.equal((await call("run", line)).code, 0);
          const copies = `${parentOf(directory)}/copies`;
          await Deno.mkdir(copies);
          if (user === "dev") await run(["chown", "dev:dev", copies]);
          for (const [from, to] of [["vm:/tmp/out", "got"], ["vm:/tmp/one", "one"]] as const) {
            const { code, stderr } = await run(
              [
                ...nixbox,
                ...["sh", "-c", 'umask 027; exec "$@"', "sh"],
                ...argvOf("--project", directory, "cp", from, `${copies}/${to}`),
              ],
              { cwd: directory, accept: "any" },
            );
            assert.equal(code, 0, stderr);
          }
          const { stdout } = await run(["find", "got", "one", "-printf", "%m %u %p\\n"], {
            cwd: copies,
          });
          assert.deepEqual(stdout.trim().split("\n").sort(), [
            `750 ${user} got`,
            `750 ${user} got/dir`,
            `750 ${user} got/sh`,
            `750 ${user} one`,
          ]);
        },
      );

      await t.step("all users of the guest are the one user on the host", async () => {
        const line = "cd ~/workspace && sudo mkdir data && sudo chown 999:999 data && " +
          "sudo setpriv --reuid=999 --regid=999 --clear-groups touch data/file; " +
          "sudo tar -C /etc -cf /tmp/etc.tar --owner=77 --group=88 hostname && " +
          "sudo tar -C data -xpf /tmp/etc.tar && stat -c %u:%g data data/hostname";
        const { code, stdout, stderr } = await call("run", line);
        assert.equal(code, 0, stderr);
        assert.equal(stdout, "1000:100\n1000:100\n");
        assert.equal(
          (await run(["stat", "-c", "%U", "data", "data/hostname"], { cwd: directory })).stdout,
          `${user}\n${user}\n`,
        );
      });
    } finally {
      await call("down", "--force");
    }
  });
}
