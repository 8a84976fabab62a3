import assert from "node:assert/strict";
import { exists } from "../../lib/host/files/files.ts";
import { run } from "../../lib/host/process/run.ts";
import { evaluate } from "./support/evaluate.ts";

/** Runs stage 1's script on a tree that is like a machine's root, for a system that boots. */
class Machine {
  readonly root = Deno.makeTempDirSync({ prefix: "nixbox-store-" });
  readonly layer = `${this.root}/nix/.rw-store`;

  async boot(system: string): Promise<void> {
    await Deno.writeTextFile(`${this.root}/cmdline`, `console=ttyS0 init=${system}/init quiet\n`);
    const file = new URL("../../nix/guest/store-overlay.sh", import.meta.url);
    await run(["bash"], {
      stdin: `root=${this.root}\ncmdline=${this.root}/cmdline\n${await Deno.readTextFile(file)}`,
    });
  }

  /** What `nix build` in the guest leaves: a path, its entry in the database, overlayfs' own work. */
  async build(name: string): Promise<void> {
    for (const directory of [`${this.layer}/store/${name}`, `${this.layer}/work`]) {
      await Deno.mkdir(directory, { recursive: true });
    }
    await Deno.mkdir(`${this.root}/nix/var/nix/db`, { recursive: true });
    await Deno.writeTextFile(`${this.root}/nix/var/nix/db/db.sqlite`, name);
  }

  async has(...names: string[]): Promise<boolean[]> {
    return await Promise.all(names.map((name) => exists(`${this.root}/nix/${name}`)));
  }
}

Deno.test("a first boot leaves nothing but a note of the system", async () => {
  const machine = new Machine();
  await machine.boot("/nix/store/one-system");
  assert.equal(await Deno.readTextFile(`${machine.layer}/system`), "/nix/store/one-system/init\n");
});

Deno.test("what the guest built stays while the system is the same", async () => {
  const machine = new Machine();
  await machine.boot("/nix/store/one-system");
  await machine.build("hello");
  await machine.boot("/nix/store/one-system");
  assert.deepEqual(
    await machine.has(".rw-store/store/hello", ".rw-store/work", "var/nix/db/db.sqlite"),
    [true, true, true],
  );
});

Deno.test("another system starts with an empty layer and no database", async () => {
  const machine = new Machine();
  await machine.boot("/nix/store/one-system");
  await machine.build("hello");
  await Deno.writeTextFile(`${machine.root}/nix/var/nix/kept`, "");
  await machine.boot("/nix/store/two-system");
  assert.deepEqual(
    await machine.has(".rw-store/store", ".rw-store/work", "var/nix/db", "var/nix/kept"),
    [false, false, false, true],
  );
});

Deno.test("what a garbage collection in the guest hid of the host's store is there again", async () => {
  const machine = new Machine();
  await machine.boot("/nix/store/one-system");
  await machine.build("hello");
  // A whiteout, as overlayfs makes one (Linux, filesystems/overlayfs).
  await run(["mknod", `${machine.layer}/store/.hidden`, "c", "0", "0"]);
  await run(["mknod", `${machine.layer}/store/of-the-host`, "c", "0", "0"]);
  await machine.boot("/nix/store/one-system");
  const left = await Array.fromAsync(Deno.readDir(`${machine.layer}/store`));
  assert.deepEqual(left.map(({ name }) => name).sort(), ["hello"]);
});

Deno.test("stage 1 runs the script before it mounts the store", async () => {
  const unit = await evaluate("c: c.boot.initrd.systemd.services.nixbox-store-overlay");
  assert.ok(typeof unit === "object" && unit !== null);
  const script = String(Reflect.get(unit, "script"));
  assert.match(script, /^root=\/sysroot\ncmdline=\/proc\/cmdline\n/);
  assert.ok(script.includes("rm -rf"));
  assert.deepEqual({ ...unit, script: "", description: "" }, {
    script: "",
    description: "",
    wantedBy: ["sysroot-nix-store.mount"],
    before: ["rw-sysroot-nix-store.service", "sysroot-nix-store.mount"],
    unitConfig: { DefaultDependencies: false, RequiresMountsFor: "/sysroot" },
    serviceConfig: { Type: "oneshot" },
  });
});
