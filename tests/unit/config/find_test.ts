import { deepStrictEqual as assertEquals, match, rejects } from "node:assert/strict";
import { findProject, findProjectIfAny, projectAt } from "../../../lib/config/find.ts";
import { sha256 } from "../../../lib/base/hash.ts";

const uid = Deno.uid() ?? 0;
const host = { user: { name: "me", uid, gid: Deno.gid() ?? 0, home: "/home/me" } };

/** A directory of this test's own, `outer/inner project/deep`, with a project in the middle. */
async function withProject(test: (outer: string, project: string) => Promise<void>): Promise<void> {
  const outer = await Deno.realPath(await Deno.makeTempDir({ prefix: "nixbox-find-" }));
  try {
    const project = `${outer}/inner project`;
    await Deno.mkdir(`${project}/.nixbox`, { recursive: true });
    await Deno.mkdir(`${project}/deep/er`, { recursive: true });
    await Deno.writeTextFile(`${project}/.nixbox/config.nix`, "{ }");
    await test(outer, project);
  } finally {
    await Deno.remove(outer, { recursive: true });
  }
}

Deno.test("a project is found from any directory in it, and named by the hash of its place", () =>
  withProject(async (_, directory) => {
    const project = await findProject(host, `${directory}/deep/er`);
    assertEquals(project, {
      id: (await sha256(directory)).slice(0, 12),
      directory,
      configDirectory: `${directory}/.nixbox`,
      configFile: `${directory}/.nixbox/config.nix`,
    });
    match(project.id, /^[0-9a-f]{12}$/);
  }));

Deno.test("the nearest of two projects is found", () =>
  withProject(async (outer, directory) => {
    await Deno.mkdir(`${outer}/.nixbox`);
    await Deno.writeTextFile(`${outer}/.nixbox/config.nix`, "{ }");
    assertEquals((await findProject(host, `${directory}/deep`)).directory, directory);
    assertEquals((await findProject(host, outer)).directory, outer);
  }));

Deno.test("a project is the same one by a symlink", () =>
  withProject(async (outer, directory) => {
    await Deno.symlink(directory, `${outer}/link`);
    const byLink = await findProject(host, `${outer}/link/deep`);
    assertEquals(byLink, await projectAt(host, directory));
  }));

Deno.test("a .nixbox without a config is not a project", () =>
  withProject(async (_, directory) => {
    await Deno.mkdir(`${directory}/deep/.nixbox`);
    assertEquals((await findProject(host, `${directory}/deep`)).directory, directory);
  }));

Deno.test("without a project the error says to run init", () =>
  withProject(async (outer) => {
    await rejects(findProject(host, outer), { hint: /nixbox init/, where: outer });
    assertEquals(await findProjectIfAny(host, outer), undefined);
  }));

Deno.test("--project names exactly one directory", () =>
  withProject(async (_, directory) => {
    await rejects(projectAt(host, `${directory}/deep`), { hint: /nixbox init/ });
    await rejects(projectAt(host, `${directory}/nowhere`), /is not there/);
  }));

for (const path of ["", "/.nixbox", "/.nixbox/config.nix"]) {
  Deno.test(`a project whose ${path || "directory"} everybody can write is refused`, () =>
    withProject(async (_, directory) => {
      await Deno.chmod(`${directory}${path}`, 0o777);
      await rejects(findProject(host, directory), {
        message: /written by everybody/,
        hint: /chmod/,
      });
    }));
}

Deno.test("a sticky directory such as /tmp may hold the user's own project", () =>
  withProject(async (_, directory) => {
    await Deno.chmod(directory, 0o1777);
    assertEquals((await findProject(host, directory)).directory, directory);
  }));

Deno.test("a config of another user is refused, by an ordinary user and by root", async (t) => {
  if (uid !== 0) return;
  for (const caller of [1000, 0]) {
    await t.step(`caller ${caller}`, () =>
      withProject(async (_, directory) => {
        await Deno.chown(`${directory}/.nixbox/config.nix`, 4321, 4321);
        const user = { ...host.user, uid: caller };
        await rejects(findProject({ user }, directory), /belongs to another user/);
      }));
  }
});

Deno.test("under sudo, the config of the user who called it is accepted, nobody else's", () =>
  withProject(async (_, directory) => {
    if (uid !== 0) return;
    await Deno.chown(`${directory}/.nixbox/config.nix`, 4321, 4321);
    const before = Deno.env.get("SUDO_UID");
    try {
      Deno.env.set("SUDO_UID", "4321");
      assertEquals((await findProject(host, directory)).directory, directory);
      const user = { ...host.user, uid: 1000 };
      await rejects(findProject({ user }, directory), /belongs to another user/);
      Deno.env.set("SUDO_UID", "4322");
      await rejects(findProject(host, directory), /belongs to another user/);
    } finally {
      if (before === undefined) Deno.env.delete("SUDO_UID");
      else Deno.env.set("SUDO_UID", before);
    }
  }));

Deno.test("a .nixbox that is a symlink is refused: a guest could put another in its place", () =>
  withProject(async (_, directory) => {
    await Deno.rename(`${directory}/.nixbox`, `${directory}/elsewhere`);
    await Deno.symlink("elsewhere", `${directory}/.nixbox`);
    await rejects(findProject(host, directory), /\.nixbox is a symlink/);
  }));
