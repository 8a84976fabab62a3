import assert from "node:assert/strict";
import { detectHost } from "../../lib/host/detect.ts";
import { parentOf } from "../../lib/base/paths.ts";
import { waitFor } from "../../lib/base/wait.ts";
import { qemuDriver } from "../../lib/hypervisor/qemu.ts";
import { listRecords } from "../../lib/state/store.ts";
import { TestProject } from "./support/machine.ts";
import { startVirtiofsd } from "./support/virtiofsd.ts";

Deno.test("QEMU's driver tells, adds and removes devices of a running guest", async (t) => {
  const host = await detectHost();
  await using project = await TestProject.make();
  await project.mustUp();
  const { records: [record] } = await listRecords(host);
  assert.ok(record);
  const guest = await qemuDriver.connect(record.apiSocket, { timeoutMs: 5000 });
  const { hotPlug } = guest;
  assert.ok(hotPlug);
  const inGuest = async (line: string) => (await project.run(line)).stdout.trim();
  // The hypervisor sees its sockets' directory, and no other of the host's.
  const sockets = parentOf(record.apiSocket);
  const directory = await Deno.makeTempDir({ dir: "/var/tmp" });

  await t.step("info is what the plan asked for", async () => {
    const info = await guest.info();
    assert.equal(info.state, "running");
    assert.equal(info.cpus, 2);
    assert.equal(info.memoryMB, 1024);
    assert.match(info.version, /^QEMU \d+\.\d+/);
  });

  await t.step("a disk comes with its serial and content, and goes", async () => {
    const path = `${sockets}/disk, with a comma.img`;
    await Deno.writeTextFile(path, "content".padEnd(1 << 20, "\0"));
    await hotPlug.addDisk({ id: "extra", path, readonly: true, serial: "extra" });
    const read = "for s in /sys/block/*/serial; do grep -qx extra $s && " +
      "b=/dev/$(basename $(dirname $s)) && sudo head -c 7 $b; done";
    const text = await waitFor(async () => await inGuest(read) || undefined, { timeoutMs: 10_000 });
    assert.equal(text, "content");
    await assert.rejects(
      hotPlug.addDisk({ id: "extra", path, readonly: true }),
      /extra|duplicate/i,
    );
    await hotPlug.removeDevice("extra");
    assert.equal(await inGuest("grep -lx extra /sys/block/*/serial"), "");
    await hotPlug.addDisk({ id: "extra", path, readonly: true });
    await hotPlug.removeDevice("extra");
  });

  await t.step("a share comes, is written to, and goes; then its virtiofsd may end", async () => {
    const source = `${directory}/source`;
    await Deno.mkdir(source);
    const share = { id: "share9", tag: "extra", socket: `${sockets}/s.sock` };
    await assert.rejects(hotPlug.addShare(share), /chardev-add/);
    const { process } = await startVirtiofsd(host, record.id, source, share.socket);
    await hotPlug.addShare(share);
    await inGuest("mkdir -p /tmp/m; sudo mount -t virtiofs extra /tmp/m && echo hi > /tmp/m/file");
    assert.equal(await Deno.readTextFile(`${source}/file`), "hi\n");
    await inGuest("sudo umount /tmp/m");
    await hotPlug.removeDevice("share9");
    await process.ended;
  });

  await t.step("a device that is not there is an error", async () => {
    await assert.rejects(hotPlug.removeDevice("nothing", { timeoutMs: 1000 }), /nothing/);
  });

  await t.step("kill ends the hypervisor at once", async () => {
    await guest.kill();
    guest.close();
    guest.close();
    const dead = await waitFor(
      async () => /dead/.test((await project.call(["status"])).stdout) ? true : undefined,
      { timeoutMs: 5000 },
    );
    assert.equal(dead, true);
  });
  await Deno.remove(directory, { recursive: true });
});
