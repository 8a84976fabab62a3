import { NixboxError } from "../../lib/base/error.ts";
import { removeIfExists } from "../../lib/host/files/files.ts";
import { run } from "../../lib/host/process/run.ts";
import type { CachedThing } from "./cache.ts";
import { cpioArchive, type CpioFile } from "./cpio.ts";
import { type DebianTree, debianTreeVersion, installHere, makeDebianTree } from "./debian.ts";

const packages = [
  ...["bash", "bind9-dnsutils", "busybox-static", "ca-certificates", "curl", "git", "iproute2"],
  ...["iputils-ping", "kmod", "netcat-openbsd", "nftables", "openssh-server", "procps", "psmisc"],
  ...["python3", "openssl", "iperf3", "rsync", "socat", "sshfs", "sudo", "util-linux"],
];
// tiny-initramfs stands in for the large initramfs-tools: the initrd is our own.
const kernelPackages = ["linux-image-cloud-amd64", "tiny-initramfs"];
// What openssh-server would otherwise take from systemd.
const instead = ["systemd-standalone-sysusers"];
const systemdPackages = ["systemd", "systemd-sysv", "udev", "dbus"];

/** Modules that the kernel has not built in and a guest needs at once, in the order of loading. */
const modules = [
  ...["failover", "net_failover", "virtio_net", "virtio_blk", "overlay", "button", "evdev"],
];

const loginCommands = [
  // "users" is gid 100, as on NixOS. With a locked password ("!") sshd would refuse the key too.
  'useradd --create-home --uid 1000 --gid 100 --shell /bin/bash --password "*" dev',
  "rm -f /etc/ssh/ssh_host_* /etc/ssh/sshd_config.d/*",
];

async function fileOf(name: string): Promise<string> {
  return await Deno.readTextFile(new URL(`guest/${name}`, import.meta.url));
}

async function commonFiles(): Promise<DebianTree["files"]> {
  return {
    "/etc/ssh/sshd_config": { text: await fileOf("sshd_config") },
    "/etc/sudoers.d/dev": { text: "dev ALL=(ALL:ALL) NOPASSWD: ALL\n", mode: 0o440 },
    "/etc/hosts": { text: "127.0.0.1 localhost\n::1 localhost\n" },
    "/etc/resolv.conf": { text: "" },
  };
}

async function plainTree(): Promise<DebianTree> {
  return {
    packages: [...packages, ...kernelPackages, ...instead],
    files: {
      ...await commonFiles(),
      "/usr/local/lib/lab/udhcpc": { text: await fileOf("udhcpc"), mode: 0o755 },
      "/usr/local/sbin/poweroff": { text: await fileOf("poweroff"), mode: 0o755 },
    },
    commands: loginCommands,
  };
}

async function systemdTree(): Promise<DebianTree> {
  return {
    packages: [...packages, ...systemdPackages],
    files: {
      ...await commonFiles(),
      "/etc/systemd/system/nixbox-provision.service": { text: await fileOf("provision.service") },
      "/etc/systemd/network/ethernet.network": {
        text: "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\n",
      },
    },
    commands: [
      ...loginCommands,
      "systemctl enable nixbox-provision.service systemd-networkd.service ssh.service",
      // Nobody waits for these, and under emulation they cost seconds.
      "systemctl mask systemd-networkd-wait-online.service serial-getty@ttyS0.service " +
      "apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer e2scrub_all.timer",
    ],
  };
}

/**
 * The guests' images: `vmlinuz`, `initrd` (to which `init` and the scripts are appended per run),
 * and the read-only root disks `plain.ext4` and `systemd.ext4`.
 */
export async function guestImages(): Promise<CachedThing> {
  const [plain, systemd] = await Promise.all([plainTree(), systemdTree()]);
  return {
    name: "guest",
    definition: [debianTreeVersion, "2", JSON.stringify({ plain, systemd, modules })],
    build: async (directory) => {
      await installHere(["xz-utils"]);
      const plainRoot = `${directory}/plain`;
      const systemdRoot = `${directory}/systemd`;
      await makeDebianTree(plainRoot, plain);
      await makeDebianTree(systemdRoot, systemd);
      await takeKernel(plainRoot, directory);
      await Deno.remove(`${plainRoot}/boot`, { recursive: true });
      await run(["cp", "-a", `${plainRoot}/usr/lib/modules`, `${systemdRoot}/usr/lib/`]);
      for (const root of [plainRoot, systemdRoot]) await makeDisk(root, `${root}.ext4`);
    },
  };
}

/** The kernel, and the part of the initrd that changes with it: busybox and modules. */
async function takeKernel(root: string, directory: string): Promise<void> {
  const [version, ...more] = [...Deno.readDirSync(`${root}/usr/lib/modules`)];
  if (version === undefined || more.length > 0) {
    throw new NixboxError("the guest's Debian has not exactly one kernel", {
      where: `${root}/usr/lib/modules`,
    });
  }
  await Deno.copyFile(`${root}/boot/vmlinuz-${version.name}`, `${directory}/vmlinuz`);
  const files: CpioFile[] = [
    { path: "bin/busybox", content: await Deno.readFile(`${root}/usr/bin/busybox`), mode: 0o755 },
  ];
  for (const [index, module] of modules.entries()) {
    const content = await readModule(`${root}/usr/lib/modules/${version.name}`, module);
    files.push({ path: `modules/${index}-${module}.ko`, content, mode: 0o644 });
  }
  const initrd = cpioArchive(files, ["proc", "sys", "dev", "layers"]);
  await Deno.writeFile(`${directory}/initrd`, initrd);
}

async function readModule(tree: string, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const { stdout } = await run(["find", tree, "-name", `${name}.ko.xz`]);
  const [path] = stdout.split("\n");
  if (!path) throw new NixboxError(`the guest's kernel has no module ${name}`, { where: tree });
  const copy = await Deno.makeTempFile({ suffix: ".ko.xz" });
  const plain = copy.slice(0, -".xz".length);
  try {
    await Deno.copyFile(path, copy);
    await run(["xz", "--decompress", copy]);
    return await Deno.readFile(plain);
  } finally {
    await removeIfExists(copy);
    await removeIfExists(plain);
  }
}

/** Makes an ext4 of a tree, just large enough, and removes the tree. */
async function makeDisk(root: string, image: string): Promise<void> {
  const { stdout } = await run(["du", "--summarize", "--block-size=1M", root]);
  const megabytes = Math.ceil(Number.parseInt(stdout) * 1.15) + 32;
  await run([
    ...["mke2fs", "-q", "-F", "-t", "ext4", "-L", "lab", "-m", "0"],
    ...["-O", "^has_journal,^metadata_csum", "-d", root, image, `${megabytes}M`],
  ]);
  await Deno.remove(root, { recursive: true });
}
