/** The library, used by a program outside of nixbox's tree: no settings of nixbox's are in its reach. */
import assert from "node:assert/strict";
import { type Finished, run } from "../../lib/host/process/run.ts";
import { TestProject } from "./support/machine.ts";
import { assertNothingLeft } from "./support/traces.ts";

/** Runs a program of the user's in the project. */
async function runProgram(
  project: TestProject,
  text: string,
  { base = "/src", env = {} }: { base?: string; env?: Record<string, string> } = {},
): Promise<Finished> {
  await project.accept();
  const file = `${project.directory}/../program.ts`;
  await Deno.writeTextFile(file, `import * as nixbox from "${base}/mod.ts";\n${text}`);
  const options = base === "/src" ? ["--cached-only"] : [];
  return await run(["deno", "run", "--quiet", "--no-prompt", "--allow-all", ...options, file], {
    cwd: project.directory,
    accept: "any",
    env,
  });
}

/** Serves nixbox's tree on this host alone. */
function serveTree(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const body = await Deno.readTextFile(`/src${new URL(request.url).pathname}`)
      .catch(() => undefined);
    if (body === undefined) return new Response("", { status: 404 });
    return new Response(body, { headers: { "content-type": "application/typescript" } });
  });
}

Deno.test("a program's machine ends with its scope, also where the program throws in it", async () => {
  await using project = await TestProject.make();
  const { code, stdout, stderr } = await runProgram(
    project,
    `
    const project = await nixbox.openProject(".");
    {
      const work = project.up({ runner: "/lab/runner" });
      const read = async () => (await Array.fromAsync(work)).length;
      const counts = await Promise.all([read(), read()]);
      console.log("all events for both:", counts[0] > 5 && counts[0] === counts[1]);
      await using machine = await work;
      console.log(machine.name, machine.wasUp, (await project.output(["hostname"])).stdout.trim());
      await using second = await project.up({ runner: "/lab/runner" });
      console.log("second", second.wasUp);
    }
    console.log("after", await project.status());
    await using machine = await project.up({ runner: "/lab/runner" });
    console.log("state", (await project.status()).state);
    throw new Error("of the program");
    `,
  );
  assert.equal(
    stdout,
    "all events for both: true\nbox false box\nsecond true\nafter undefined\nstate running\n",
    stderr,
  );
  assert.equal(code, 1);
  assert.match(stderr, /of the program/);
  await assertNothingLeft();
});

Deno.test("a machine that was up before a program's scope is up after it", async () => {
  await using project = await TestProject.make();
  await project.mustUp();
  const { code, stderr } = await runProgram(
    project,
    `await using machine = await (await nixbox.openProject(".")).up();
     if (!machine.wasUp) throw new Error("it was not up");`,
  );
  assert.equal(code, 0, stderr);
  assert.equal((await project.run("echo", "still here")).stdout, "still here\n");
});

Deno.test("imported from an address, it boots with a copy on this disk, and without one says what to do", async () => {
  await using project = await TestProject.make();
  await using server = serveTree();
  const base = `http://127.0.0.1:${server.addr.port}`;
  const program = `const project = await nixbox.openProject(".");
    await using machine = await project.up({ runner: "/lab/runner" });
    console.log((await project.output(["hostname"])).stdout.trim());`;
  const alone = await runProgram(project, program, { base });
  assert.equal(alone.code, 1);
  assert.match(alone.stderr, /nixbox was imported from an address, without its Nix files/);
  await assertNothingLeft();
  const told = await runProgram(project, program, { base, env: { NIXBOX_ASSETS: "/src" } });
  assert.equal(told.stdout, "box\n", told.stderr);
  await assertNothingLeft();
});
