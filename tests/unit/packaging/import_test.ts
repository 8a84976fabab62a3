import assert from "node:assert/strict";
import { run } from "../../../lib/host/process/run.ts";
import { npmPackages } from "../../../packaging/bundle.ts";

const root = new URL("../../..", import.meta.url).pathname.replace(/\/$/, "");

/** A directory outside of the tree with a program of the user's, and a project in `project`. */
async function userDirectory(): Promise<string> {
  const directory = await Deno.makeTempDir({ prefix: "nixbox import " });
  await Deno.mkdir(`${directory}/home`);
  await Deno.mkdir(`${directory}/project/.nixbox`, { recursive: true });
  await Deno.writeTextFile(`${directory}/project/.nixbox/config.nix`, "{ }\n");
  return directory;
}

/** Runs `deno run` in the project, with what deno has cached of npm and nothing else. */
async function denoRun(directory: string, words: string[], env: Record<string, string> = {}) {
  const info: unknown = JSON.parse((await run([Deno.execPath(), "info", "--json"])).stdout);
  assert.ok(typeof info === "object" && info !== null && "denoDir" in info);
  await Deno.mkdir(`${directory}/deno`, { recursive: true });
  await Deno.symlink(`${info.denoDir}/npm`, `${directory}/deno/npm`).catch(() => {});
  const own = { DENO_DIR: `${directory}/deno`, HOME: `${directory}/home`, XDG_STATE_HOME: "" };
  return await run([Deno.execPath(), "run", "--quiet", "--allow-all", ...words], {
    cwd: `${directory}/project`,
    env: { NO_COLOR: "1", ...own, ...env },
    accept: "any",
  });
}

/** A program of the user's, and one that asks what of itself the library finds on this disk. */
async function writeProgram(directory: string, base: string): Promise<string> {
  await Deno.writeTextFile(
    `${directory}/program.ts`,
    `import { openProject } from "${base}/mod.ts";
     console.log((await openProject(".")).project.directory);
     import { assetsDirectory } from "${base}/lib/host/assets.ts";
     import { ownCommand } from "${base}/lib/host/process/own_command.ts";
     const tell = (error) => error.message + ", HINT " + error.hint;
     console.log(await assetsDirectory().catch(tell));
     console.log(await ownCommand().then((argv) => argv.at(-1), tell));`,
  );
  return `${directory}/program.ts`;
}

/** Serves the tree on this host alone. */
function serveTree(): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, async (request) => {
    const { pathname } = new URL(request.url);
    const body = await Deno.readTextFile(`${root}${pathname}`).catch(() => undefined);
    if (body === undefined) return new Response("", { status: 404 });
    return new Response(body, { headers: { "content-type": "application/typescript" } });
  });
}

Deno.test("a program in any directory imports the library by its path, with no settings in reach", async () => {
  const directory = await userDirectory();
  const program = await writeProgram(directory, root);
  const project = await Deno.realPath(`${directory}/project`);
  for (const offline of [[], ["--cached-only"]]) {
    const { stdout, stderr } = await denoRun(directory, [...offline, program]);
    assert.equal(stdout, `${project}\n${root}\n${root}/main.ts\n`, stderr);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("imported from an address, it needs a copy on disk for its Nix files, and says so", async () => {
  const directory = await userDirectory();
  const project = await Deno.realPath(`${directory}/project`);
  {
    await using server = serveTree();
    const program = await writeProgram(directory, `http://127.0.0.1:${server.addr.port}`);
    // What lies where the program runs must not pass for nixbox's own.
    await Deno.mkdir(`${project}/share/nixbox/nix`, { recursive: true });
    await Deno.writeTextFile(`${project}/share/nixbox/nix/resolve.nix`, "");
    await Deno.writeTextFile(`${project}/main.js`, "");
    const { stdout, stderr } = await denoRun(directory, [program]);
    const [opened, ...others] = stdout.trim().split("\n");
    assert.equal(opened, project, stderr);
    assert.equal(others.length, 2);
    for (const told of others) {
      assert.match(told, /^nixbox was imported from an address, without its Nix files, HINT /);
      assert.match(told, /import it by its path from a copy .*, or set NIXBOX_ASSETS to /);
    }
  }
  // Without the server, of what deno keeps.
  const words = ["--cached-only", `${directory}/program.ts`];
  const { stdout, stderr } = await denoRun(directory, words, { NIXBOX_ASSETS: root });
  assert.equal(stdout, `${project}\n${root}\n${root}/main.ts\n`, stderr);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("the command line runs by path and from an address", async () => {
  const directory = await userDirectory();
  await using server = serveTree();
  for (const base of [root, `http://127.0.0.1:${server.addr.port}`]) {
    const { stdout, stderr } = await denoRun(directory, [`${base}/main.ts`, "status"]);
    assert.equal(stdout, "no machine is up\n", stderr);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("packages of npm that the code names have the versions of deno.json, each in one file", async () => {
  const found: string[] = [];
  for (const folder of ["lib", "cmd"]) {
    const { stdout } = await run(["grep", "-rhoE", '"npm:[^"]+"', `${root}/${folder}`]);
    found.push(...stdout.trim().split("\n").map((word) => word.slice(1, -1)));
  }
  const said = (await npmPackages(root)).map(({ address }) => address)
    .filter((address) => !address.includes("fast-check"));
  assert.deepEqual(found.toSorted(), said.toSorted());
  const { stdout } = await run(
    ["grep", "-rlE", 'from "(zod|@stricli|@bomb)', `${root}/lib`, `${root}/cmd`],
    { accept: "any" },
  );
  assert.equal(stdout, "", "imports that only deno.json resolves");
});
