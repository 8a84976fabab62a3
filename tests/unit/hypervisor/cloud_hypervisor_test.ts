import { deepStrictEqual, match, ok, strictEqual } from "node:assert/strict";
import { NixboxError } from "../../../lib/base/error.ts";
import { cloudHypervisorDriver } from "../../../lib/hypervisor/cloud_hypervisor.ts";
import type { HotPlug, RunningGuest } from "../../../lib/hypervisor/driver.ts";
import { StandInCloudHypervisor, type StandInOptions } from "../../stand_in/cloud_hypervisor.ts";
import { errorOf, TemporarySocket } from "./temporary_socket.ts";

interface Running {
  readonly server: StandInCloudHypervisor;
  readonly guest: RunningGuest;
  readonly hotPlug: HotPlug;
}

/** A test with a driver that is connected to a stand-in. */
function withGuest(
  claim: string,
  options: StandInOptions,
  body: (running: Running) => Promise<void>,
): void {
  Deno.test(`cloud-hypervisor: ${claim}`, async () => {
    await using socket = await TemporarySocket.make();
    await using server = new StandInCloudHypervisor(socket.path, options);
    const guest = await cloudHypervisorDriver.connect(socket.path, { timeoutMs: 5000 });
    if (guest.hotPlug === undefined) throw new Error("no hot-plug");
    await body({ server, guest, hotPlug: guest.hotPlug });
    guest.close();
    guest.close();
  });
}

const disk = { id: "extra", path: "/disk é.img", readonly: true, serial: "extra" };
const share = { id: "share0", tag: "work", socket: "/run/share0.sock" };

withGuest("info tells what runs", {}, async ({ guest }) => {
  deepStrictEqual(await guest.info(), {
    state: "running",
    version: "cloud-hypervisor 53.0.0",
    cpus: 4,
    memoryMB: 8192,
  });
});

withGuest("a VM that is not booted is starting", { state: "Created" }, async ({ guest }) => {
  strictEqual((await guest.info()).state, "starting");
});

withGuest("a VMM without a VM has its own words", { state: undefined }, async ({
  guest,
}) => {
  const error = await errorOf(guest.info());
  match(error.message, /refused vm\.info \(404\): VmInfo/);
  ok(error instanceof NixboxError);
  deepStrictEqual(error.log, ["VM is not created"]);
});

withGuest("a disk is added as asked", {}, async ({ server, hotPlug }) => {
  await hotPlug.addDisk(disk);
  deepStrictEqual(server.disks, [{ ...disk, image_type: "Raw" }]);
});

withGuest("a share is added as asked", {}, async ({ server, hotPlug }) => {
  await hotPlug.addShare(share);
  deepStrictEqual(server.fs, [{ ...share, num_queues: 1, queue_size: 1024 }]);
});

withGuest(
  "a read-only disk that was added writable is taken away again",
  { loses: ["readonly"], ejectsAfterLooks: 1 },
  async ({ server, hotPlug }) => {
    match((await errorOf(hotPlug.addDisk(disk))).message, /did not add the disk extra/);
    deepStrictEqual(server.disks, []);
    // It is really gone: the same id can be used again.
    await hotPlug.addDisk({ ...disk, readonly: false });
  },
);

withGuest(
  "a share that was added under another tag is taken away again",
  { loses: ["tag"], ejectsAfterLooks: 1 },
  async ({ server, hotPlug }) => {
    match((await errorOf(hotPlug.addShare(share))).message, /did not add the share share0/);
    deepStrictEqual(server.fs, []);
  },
);

withGuest(
  "removal waits until the guest has let go",
  { ejectsAfterLooks: 3 },
  async ({ server, hotPlug }) => {
    await hotPlug.addShare(share);
    const before = server.requests.length;
    await hotPlug.removeDevice("share0");
    const looks = server.requests.slice(before).filter(({ call }) => call === "vm.info");
    strictEqual(looks.length, 4);
  },
);

withGuest("a guest that does not let go is told, within the bound", {}, async ({ hotPlug }) => {
  await hotPlug.addDisk(disk);
  const error = await errorOf(hotPlug.removeDevice("extra", { timeoutMs: 60 }));
  match(error.message, /did not let go of the device extra/);
});

withGuest("refusals carry the server's reasons, outermost first", {
  sharedMemory: false,
}, async ({ hotPlug }) => {
  const error = await errorOf(hotPlug.addShare(share));
  match(error.message, /vm\.add-fs \(500\): The new virtio-fs could not be added/);
  ok(error instanceof NixboxError);
  deepStrictEqual(error.log, [
    "Error from device manager",
    "Using vhost-user requires using shared memory or huge pages",
  ]);
});

withGuest("an id that is taken is refused", {}, async ({ server, hotPlug }) => {
  await hotPlug.addDisk(disk);
  match((await errorOf(hotPlug.addDisk(disk))).message, /409/);
  strictEqual(server.disks.length, 1);
});

withGuest("a device that is not there cannot be removed", {}, async ({ hotPlug }) => {
  match((await errorOf(hotPlug.removeDevice("other"))).message, /404/);
});

withGuest("the power button and the end have no body", {}, async ({ server, guest }) => {
  await guest.powerButton();
  await guest.kill();
  deepStrictEqual(server.requests.slice(-2), [
    { method: "PUT", call: "vm.power-button", body: undefined },
    { method: "PUT", call: "vmm.shutdown", body: undefined },
  ]);
});

Deno.test("cloud-hypervisor: a VMM that ends before it has answered has ended", async () => {
  await using socket = await TemporarySocket.make();
  const server = new StandInCloudHypervisor(socket.path);
  const guest = await cloudHypervisorDriver.connect(socket.path, { timeoutMs: 5000 });
  await server[Symbol.asyncDispose]();
  await Deno.remove(socket.path).catch(() => {});
  using listener = Deno.listen({ transport: "unix", path: socket.path });
  const killing = guest.kill();
  (await listener.accept()).close();
  await killing;
});

withGuest("the power button of a VM that is not booted is refused", {
  state: "Created",
}, async ({ guest }) => {
  match((await errorOf(guest.powerButton())).message, /405/);
});

Deno.test("cloud-hypervisor: a VMM that is gone is told, and to kill it is not an error", async () => {
  await using socket = await TemporarySocket.make();
  const server = new StandInCloudHypervisor(socket.path);
  const guest = await cloudHypervisorDriver.connect(socket.path, { timeoutMs: 5000 });
  await server[Symbol.asyncDispose]();
  match((await errorOf(guest.info())).message, /cannot be reached/);
  await guest.kill();
});

Deno.test("cloud-hypervisor: the driver waits for a socket that comes late", async () => {
  await using socket = await TemporarySocket.make();
  const connecting = cloudHypervisorDriver.connect(socket.path, { timeoutMs: 30_000 });
  await Promise.resolve();
  await using _server = new StandInCloudHypervisor(socket.path);
  strictEqual((await (await connecting).info()).cpus, 4);
});
