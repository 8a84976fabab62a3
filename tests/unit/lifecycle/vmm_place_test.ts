import assert from "node:assert/strict";
import { programDirectories } from "../../../lib/host/confinement/private_root.ts";
import { placesOfNewDisks } from "../../../lib/lifecycle/boot/linux/new_disks.ts";
import { placedVmm, vmmRoot, withPlaces } from "../../../lib/lifecycle/boot/linux/vmm_place.ts";
import { namedPaths } from "../../../lib/runner/named_paths.ts";
import { readRunner } from "../../../lib/runner/mod.ts";

const state = { directory: "/s/p", logs: "/s/p/logs" };
const record = {
  runtimeDirectory: "/r/m",
  secretsDirectory: "/m/m.secrets",
  acceleration: "hardware",
} as const;

function runnerWith(...words: string[]) {
  const argv = [
    ...["-smp", "2", "-m", "512M", "-kernel", "/boot/kernel", "-initrd", "/boot/initrd"],
    ...["-append", "'console=ttyS0 root=/dev/vda init=/guest/init'"],
    ...["-serial", "chardev:stdio", "-chardev", "file,id=stdio,path=/s/p/logs/console.log"],
    ...words,
  ];
  return readRunner(`exec /opt/qemu/qemu-system-x86_64 ${argv.join(" ")}\n`);
}

Deno.test("a hypervisor sees what its command line names, and programs", () => {
  const runner = runnerWith(
    ...["-drive", "id=a,file=root.img,if=none,read-only=off"],
    ...["-drive", "id=b,file=/big/data.img,if=none,read-only=off"],
    ...["-drive", "id=c,file=/nix/store/x/store.img,if=none,read-only=on"],
    ...["-drive", "id=d,file=/images/base.img,if=none,read-only=on"],
    ...["-qmp", "unix:/r/m/vmm/api.sock,server,nowait"],
    ...[
      "-netdev",
      "tap,id=net0,ifname=guest",
      "-object",
      "memory-backend-file,mem-path=/dev/hugepages",
    ],
  );
  const root = vmmRoot(runner, record, state);
  assert.equal(root.cwd, "/s/p/disks");
  const directories = root.readonly.filter((path) => !programDirectories.includes(path));
  assert.deepEqual(directories, ["/m/m.secrets", "/sys/devices/system/cpu"]);
  assert.deepEqual(root.files?.toSorted(), [
    ...["/boot/initrd", "/boot/kernel", "/images/base.img", "/opt/qemu/qemu-system-x86_64"],
    "/r/m/microvm-run",
  ]);
  const writable = root.writable.filter((path) => !/^\/dev\/(null|zero|full|u?random)$/.test(path));
  assert.deepEqual(writable.toSorted(), [
    ...["/big/data.img", "/dev/hugepages", "/dev/kvm", "/dev/net/tun"],
    ...["/r/m/vmm", "/s/p/disks", "/s/p/logs/console.log"],
  ]);
});

Deno.test("without acceleration, network and vhost it has none of their devices", () => {
  const emulated = { ...record, acceleration: "emulation" } as const;
  const { writable } = vmmRoot(runnerWith(), emulated, state);
  assert.deepEqual(writable.filter((path) => /kvm|tun|vhost/.test(path)), []);
  const vhost = runnerWith("-netdev", "tap,id=net0,ifname=guest,vhost=on");
  assert.ok(vmmRoot(vhost, emulated, state).writable.includes("/dev/vhost-net"));
});

Deno.test("paths of the guest's in the kernel's command line are not the host's", () => {
  const paths = namedPaths(runnerWith());
  assert.ok(paths.includes("/boot/kernel"));
  assert.ok(!paths.includes("/dev/vda") && !paths.includes("/guest/init"), paths.join(" "));
});

Deno.test("a disk elsewhere that is not there yet is made where nothing else lies", async () => {
  const directory = await Deno.makeTempDir();
  const disks = [`${directory}/a.img`, `${directory}/b.img`];
  assert.deepEqual(await placesOfNewDisks(disks), [directory]);
  await Deno.writeTextFile(`${directory}/a.img`, "");
  assert.deepEqual(await placesOfNewDisks(disks), [directory]);
  await Deno.writeTextFile(`${directory}/b.img`, "");
  assert.deepEqual(await placesOfNewDisks(disks), []);
  await Deno.remove(`${directory}/b.img`);
  await Deno.writeTextFile(`${directory}/key`, "secret");
  await assert.rejects(placesOfNewDisks(disks), /b\.img is not there yet, and key lies beside it/);
  await assert.rejects(placesOfNewDisks(["/nowhere/a.img"]), /\/nowhere cannot be read/);
  await Deno.remove(directory, { recursive: true });
  const root = vmmRoot(runnerWith(), record, state);
  assert.ok(withPlaces(root, ["/big"]).writable.includes("/big"));
  assert.deepEqual(withPlaces(root, []).writable, root.writable);
});

const place = {
  root: vmmRoot(runnerWith(), record, state),
  disks: [],
  tools: { bash: "/bin/bash", setpriv: "/bin/setpriv" },
  namespace: "nbx7",
  group: { manager: "none", name: "slot7", memoryMB: 1, tasks: 1, weight: 1 },
} as const;
const start = {
  recorded: (argv: readonly string[]) => ["recorded", ...argv],
  groups: ["104"],
  servers: [],
};

Deno.test("where users may make namespaces, root becomes the user before anything is opened", () => {
  const user = { uid: 1000, gid: 100 };
  const argv = placedVmm(user, { ...place, isolation: "user-namespace" }, ["vmm"], start);
  const at = (word: string) => argv.indexOf(word);
  assert.ok(at("nsenter") < at("--reuid=1000") && at("--reuid=1000") < at("recorded"));
  assert.ok(at("recorded") < at("--map-root-user") && at("--map-root-user") < at("chroot"));
  assert.ok(argv.includes("--groups=104"));
  assert.equal(argv.at(-1), "vmm");
});

Deno.test("elsewhere root makes the place, and becomes the user in it", () => {
  const user = { uid: 1000, gid: 100 };
  const argv = placedVmm(user, { ...place, isolation: "root-mount-namespace" }, ["vmm"], start);
  const at = (word: string) => argv.indexOf(word);
  assert.ok(!argv.includes("--map-root-user"));
  assert.ok(at("chroot") < at("--reuid=1000") && at("--reuid=1000") < at("--no-new-privs"));
  assert.ok(argv.includes("--bounding-set=-all"));
});
