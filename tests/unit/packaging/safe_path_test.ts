import assert from "node:assert/strict";

const file = new URL("../../../packaging/safe_path.sh", import.meta.url).pathname;

for (const shell of ["/bin/sh", "/bin/bash"]) {
  Deno.test(`what is installed looks for no program in a project, or by a relative path: ${shell}`, async () => {
    const root = await Deno.makeTempDir({ prefix: "nixbox path " });
    await Deno.mkdir(`${root}/project/.nixbox`, { recursive: true });
    await Deno.mkdir(`${root}/project/.venv/bin`, { recursive: true });
    await Deno.mkdir(`${root}/tools * [a]`);
    const path = [
      ...["", ".", ".venv/bin", `${root}/project/.venv/bin`, `${root}/tools * [a]`],
      ...[`${root}/tools * [a]/../project/.venv/bin`, `${root}/project`, "/usr/bin", "bin", ""],
    ].join(":");
    const { stdout, stderr, code } = await new Deno.Command(shell, {
      args: ["-euc", `. "$0"; printf %s "$PATH"`, file],
      env: { PATH: path },
      cwd: `${root}/project`,
    }).output();
    assert.equal(code, 0, new TextDecoder().decode(stderr));
    assert.equal(new TextDecoder().decode(stdout), `${root}/tools * [a]:/usr/bin`);
    await Deno.remove(root, { recursive: true });
  });
}
