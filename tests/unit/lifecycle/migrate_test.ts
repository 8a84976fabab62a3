import assert from "node:assert/strict";
import { findProject } from "../../../lib/config/find.ts";
import { projectKeys } from "../../../lib/guest/keys.ts";
import { detectHost } from "../../../lib/host/detect.ts";
import { exists } from "../../../lib/host/files/files.ts";
import type { Host } from "../../../lib/host/host.ts";
import { run } from "../../../lib/host/process/run.ts";
import { checkProject } from "../../../lib/lifecycle/doctor/doctor_project.ts";
import { setUp } from "../../../lib/lifecycle/project/setup.ts";
import { loadAcceptedConfig } from "../../../lib/lifecycle/trust/consent.ts";

/** A project as the earlier tool left it, and a host whose state is in its own directory. */
async function earlierProject(): Promise<
  { host: Host; directory: string; nixbox: string } & AsyncDisposable
> {
  const parent = await Deno.makeTempDir({ prefix: "earlier it's " });
  const directory = `${parent}/project`;
  const nixbox = `${directory}/.nixbox`;
  for (const name of ["ssh", "build", "run", "state", "tmp"]) {
    await Deno.mkdir(`${nixbox}/${name}`, { recursive: true });
  }
  await Deno.writeTextFile(`${nixbox}/config.nix`, '{ name = "dev"; }\n');
  await Deno.writeTextFile(`${nixbox}/.gitignore`, "*\n!config.nix\n!.gitignore\n");
  const key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", `${nixbox}/ssh/vm_key`];
  await run(key);
  await Deno.writeTextFile(`${nixbox}/state/.build-hash`, "abc\n");
  await Deno.writeTextFile(`${nixbox}/state/slot`, "a[$(touch /tmp/owned)0]\n");
  await Deno.writeTextFile(`${nixbox}/state/pid`, "1\n");
  await Deno.writeTextFile(`${nixbox}/run/root.img`, "a disk");
  await Deno.symlink("/nix/store/gone-runner", `${nixbox}/runner`);
  const real = await detectHost();
  const host = { ...real, paths: { ...real.paths, state: `${parent}/state` } };
  const dispose = () => Deno.remove(parent, { recursive: true });
  return { host, directory, nixbox, [Symbol.asyncDispose]: dispose };
}

Deno.test("an earlier project: doctor names it, nothing evaluates it, setup migrates it", async () => {
  await using earlier = await earlierProject();
  const { host, directory, nixbox } = earlier;
  const project = await findProject(host, directory);
  const publicKey = await Deno.readTextFile(`${nixbox}/ssh/vm_key.pub`);
  const config = await Deno.readTextFile(`${nixbox}/config.nix`);
  const [check] = await checkProject(host, directory);
  assert.match(check?.hint ?? "", /nixbox setup/);
  await assert.rejects(loadAcceptedConfig(host, project), /one of the earlier nixbox/);

  const result = await setUp(host, project);
  assert.equal(result.migration?.keptIdentity, true);
  assert.deepEqual(result.guestPublicKey.split(" ").slice(0, 2), publicKey.split(" ").slice(0, 2));
  assert.deepEqual(result.migration?.notes, []);
  assert.equal(await Deno.readTextFile(`${nixbox}/config.nix`), config);
  assert.equal(await Deno.readTextFile(`${nixbox}/earlier/run/root.img`), "a disk");
  assert.equal(await Deno.readTextFile(`${nixbox}/.gitignore`), "/ssh/\n/earlier/\n");
  const left = (await Array.fromAsync(Deno.readDir(nixbox), ({ name }) => name)).sort();
  assert.deepEqual(left, [".gitignore", "config.nix", "earlier", "ssh"]);
  const { login, identity } = projectKeys(nixbox);
  assert.equal(((await Deno.stat(identity.privateFile)).mode ?? 0) & 0o777, 0o600);
  assert.notEqual(
    await Deno.readTextFile(login.publicFile),
    await Deno.readTextFile(identity.publicFile),
    "the way in has its own key now",
  );
  assert.deepEqual(await checkProject(host, directory), []);
  assert.equal((await setUp(host, project)).migration, undefined, "once");
});

Deno.test("a key that is a link, or no key, is not taken; the project still is", async (t) => {
  const lures: readonly (readonly [string, (file: string) => Promise<void>])[] = [
    ["a link", (file) => Deno.symlink("/etc/hostname", file)],
    ["no key", (file) => Deno.writeTextFile(file, "not a key\n")],
  ];
  for (const [what, plant] of lures) {
    await t.step(what, async () => {
      await using earlier = await earlierProject();
      const { host, directory, nixbox } = earlier;
      await Deno.remove(`${nixbox}/ssh/vm_key`);
      await plant(`${nixbox}/ssh/vm_key`);
      const { migration } = await setUp(host, await findProject(host, directory));
      assert.equal(migration?.keptIdentity, false);
      assert.match(migration?.notes.join() ?? "", /the earlier key was not taken/);
      const { identity } = projectKeys(nixbox);
      assert.match(await Deno.readTextFile(identity.privateFile), /OPENSSH PRIVATE KEY/);
    });
  }
});

Deno.test("while the earlier tool's machine runs, nothing is touched", async () => {
  await using earlier = await earlierProject();
  const { directory, nixbox } = earlier;
  const host = {
    ...earlier.host,
    processes: {
      ...earlier.host.processes,
      commandLine: () => Promise.resolve(["microvm@dev", "--api-socket", "api.sock"]),
    },
  };
  const project = await findProject(host, directory);
  await assert.rejects(setUp(host, project), /still runs \(process 1\)/);
  assert.equal(await exists(`${nixbox}/earlier`), false);
  assert.equal(await exists(`${nixbox}/ssh/vm_key`), true);
});

Deno.test("a .gitignore that the user wrote is left, with a word about it", async () => {
  await using earlier = await earlierProject();
  const { host, directory, nixbox } = earlier;
  await Deno.writeTextFile(`${nixbox}/.gitignore`, "mine\n");
  const { migration } = await setUp(host, await findProject(host, directory));
  assert.match(migration?.notes.join() ?? "", /look at \.nixbox\/\.gitignore/);
  assert.equal(await Deno.readTextFile(`${nixbox}/.gitignore`), "mine\n");
});
