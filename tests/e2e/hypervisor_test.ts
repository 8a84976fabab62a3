import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { NixboxError } from "../../lib/base/error.ts";
import { probeKvm, runBootSector } from "../../lib/host/kvm.ts";
import { exists } from "../../lib/host/files/files.ts";
import { sleep, waitFor } from "../../lib/base/wait.ts";
import { QemuByRunner } from "./support/qemu_by_runner.ts";

/** The error that a promise ends with. */
async function errorOf(promise: Promise<unknown>): Promise<NixboxError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof NixboxError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

const kernelIsUp = /EXT4-fs \(vda\): mounted/;

Deno.test("QEMU: devices come and go while a guest runs", async (t) => {
  // More ports than the runner has: nixbox's own, several to a slot of the bus, must work as well.
  await using machine = await QemuByRunner.start({ hotPlugPorts: 20 });
  const { guest, hotPlug, directory } = machine;
  await machine.untilConsoleSays(kernelIsUp);

  await t.step("info tells what was asked for", async () => {
    const { version, ...info } = await guest.info();
    deepStrictEqual(info, { state: "running", cpus: 2, memoryMB: 512 });
    match(version, /^QEMU \d+\.\d+\.\d+$/);
  });

  await t.step("the guest sees every disk that is added, until no port is left", async () => {
    for (let index = 0; index < 20; index++) {
      const path = await machine.makeDisk(`disk,${index}.img`);
      await hotPlug.addDisk({ id: `disk${index}`, path, readonly: true, serial: `s${index}` });
    }
    await machine.untilConsoleSays(/virtio_blk virtio\d+: \[vd[b-z]\] 2048 512-byte/, 20);
    const path = await machine.makeDisk("too-many.img");
    const error = await errorOf(hotPlug.addDisk({ id: "more", path, readonly: true }));
    match(error.message, /no place for another device/);
  });

  await t.step("every disk can be removed, and its file is let go", async () => {
    for (let index = 0; index < 20; index++) {
      await hotPlug.removeDevice(`disk${index}`, { timeoutMs: 30_000 });
    }
    const open = [...Deno.readDirSync(`/proc/${machine.process.pid}/fd`)].map(({ name }) =>
      readLink(`/proc/${machine.process.pid}/fd/${name}`)
    );
    deepStrictEqual(open.filter((path) => path.includes("disk,")), []);
  });

  await t.step("a port can be used again", async () => {
    const path = await machine.makeDisk("again.img");
    await hotPlug.addDisk({ id: "disk0", path, readonly: false, serial: "again" });
    await machine.untilConsoleSays(/\[vd[b-z]\] 2048 512-byte/, 21);
    await hotPlug.removeDevice("disk0");
  });

  await t.step("a share comes and goes, and virtiofsd ends with it", async () => {
    const socket = `${directory}/share,0.sock`;
    await Deno.mkdir(`${directory}/shared`);
    const virtiofsd = new Deno.Command("/usr/libexec/virtiofsd", {
      args: [`--socket-path=${socket}`, `--shared-dir=${directory}/shared`, "--sandbox=none"],
      stderr: "null",
    }).spawn();
    await waitFor(async () => await exists(socket) ? true : undefined, { timeoutMs: 10_000 });
    await hotPlug.addShare({ id: "share0", tag: "work", socket });
    // 0x1040 + 26 is virtio's file system device (virtio 1.3, 4.1.2 and 5).
    await machine.untilConsoleSays(/\[1af4:105a\]/);
    await hotPlug.removeDevice("share0");
    // It ends when QEMU has hung up.
    strictEqual((await virtiofsd.status).code, 0);
  });

  await t.step("a share without a virtiofsd fails and leaves nothing", async () => {
    const share = { id: "share1", tag: "work", socket: `${directory}/nobody.sock` };
    const error = await errorOf(hotPlug.addShare(share));
    match(error.message, /refused chardev-add/);
    match((await errorOf(hotPlug.addShare(share))).message, /refused chardev-add/);
  });

  await t.step("a disk whose device is refused leaves nothing", async () => {
    const path = await machine.makeDisk("refused.img");
    // The runner has a device of this name: the file is opened before that is found out.
    const disk = { id: "balloon0", path, readonly: true };
    match((await errorOf(hotPlug.addDisk(disk))).message, /refused device_add/);
    match((await errorOf(hotPlug.addDisk(disk))).message, /refused device_add/);
  });

  await t.step("a device that is not there is told", async () => {
    match((await errorOf(hotPlug.removeDevice("other"))).message, /'other' not found/);
  });

  await t.step("the power button ends it", async () => {
    let hasEnded = false;
    const ended = machine.process.status.then((status) => {
      hasEnded = true;
      return status;
    });
    // The guest's listener may not be there yet at the first press.
    await waitFor(async () => {
      await guest.powerButton().catch(() => {});
      await Promise.race([ended, sleep(1000)]);
      return hasEnded ? true : undefined;
    }, { timeoutMs: 60_000 });
    ok(hasEnded);
    strictEqual((await ended).code, 0);
    match((await errorOf(guest.info())).message, /closed its control socket/);
  });
});

function readLink(path: string): string {
  try {
    return Deno.readLinkSync(path);
  } catch {
    return "";
  }
}

Deno.test("QEMU: devices of the runner itself can be removed by the ids it was given", async () => {
  const disk = await Deno.makeTempFile({ dir: "/dev/shm" });
  await Deno.truncate(disk, 1024 * 1024);
  try {
    await using machine = await QemuByRunner.start({
      addDisks: [{ id: "provisioning", path: disk, readonly: true, serial: "nixbox" }],
    });
    await machine.untilConsoleSays(kernelIsUp);
    await machine.hotPlug.removeDevice("provisioning", { timeoutMs: 30_000 });
    // The same id is free again, its drive included.
    await machine.hotPlug.addDisk({ id: "provisioning", path: disk, readonly: true });
  } finally {
    await Deno.remove(disk);
  }
});

Deno.test("QEMU: before the firmware has numbered the bus, a port in use is known as such", async () => {
  const disk = await Deno.makeTempFile({ dir: "/dev/shm" });
  await Deno.truncate(disk, 1024 * 1024);
  try {
    await using machine = await QemuByRunner.start({
      addDisks: [{ id: "first", path: disk, readonly: true }],
    });
    await machine.hotPlug.addDisk({ id: "second", path: disk, readonly: true });
    await machine.guest.kill();
    strictEqual((await machine.process.status).code, 0);
  } finally {
    await Deno.remove(disk);
  }
});

Deno.test("QEMU: a guest that does not let go is told, within the bound", async () => {
  await using machine = await QemuByRunner.start({ kernelParams: ["lab.deaf"] });
  const path = await machine.makeDisk("early.img");
  await machine.hotPlug.addDisk({ id: "early", path, readonly: true });
  // Nothing in the guest listens yet: its firmware has just begun.
  const error = await errorOf(machine.hotPlug.removeDevice("early", { timeoutMs: 200 }));
  match(error.message, /did not let go of the device early/);
  // Asked again, it is not refused because it was asked before.
  const again = await errorOf(machine.hotPlug.removeDevice("early", { timeoutMs: 50 }));
  match(again.message, /did not let go of the device early/);
});

Deno.test("the boot sector of the KVM probe is right: an emulator runs it", async () => {
  deepStrictEqual(await runBootSector("tcg"), { usable: true, reason: "TCG ran a boot sector" });
});

Deno.test("the KVM probe gives a reason, and does not trust /dev/kvm", async () => {
  const { usable, reason } = await probeKvm();
  ok(reason.length > 0);
  if (!await exists("/dev/kvm")) strictEqual(usable, false);
  if (await exists("/sys/module/kvm_pvm")) strictEqual(usable, false);
});
