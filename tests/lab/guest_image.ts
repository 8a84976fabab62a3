import { run } from "../../lib/host/process.ts";
import { cached } from "./cache.ts";
import { installHere, makeDebianRoot } from "./debian.ts";
import { encodeHex } from "./hex.ts";

const packages = [
  "bash",
  "bind9-dnsutils",
  "busybox-static",
  "ca-certificates",
  "curl",
  "git",
  "iproute2",
  "kmod",
  "linux-image-cloud-amd64",
  "netcat-openbsd",
  "nftables",
  "openssh-server",
  "procps",
  "python3-minimal",
  "sshfs",
  "sudo",
  "util-linux",
];

/** What the kernel of the cloud image has not built in and the guest needs, in load order. */
const modules = [
  "failover",
  "net_failover",
  "virtio_blk",
  "virtio_net",
  "overlay",
  "button",
  "evdev",
];

const sshdConfig = `Port 22
HostKey /run/nixbox/ssh_host_ed25519_key
AuthorizedKeysFile /run/nixbox/authorized_keys
PermitRootLogin no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
MaxSessions 100
PrintMotd no
Subsystem sftp internal-sftp
`;

const poweroff = `#!/bin/sh
# A deaf guest is one that does not do what it is told.
grep -qw lab.deaf /proc/cmdline && exec sleep 1000
sync
exec busybox poweroff -f
`;

export interface GuestImage {
  readonly kernel: string;
  readonly initrd: string;
  /** ext4, read-only. */
  readonly disk: string;
}

/** A guest that boots in seconds under emulation: Debian's packages, no systemd. */
export async function guestImage(): Promise<GuestImage> {
  const definition = { packages, modules, sshdConfig, poweroff, version: 3 };
  const base = await cached("guest", definition, makeBase);
  return { kernel: `${base}/vmlinuz`, disk: `${base}/root.ext4`, initrd: await makeInitrd(base) };
}

async function makeBase(directory: string): Promise<void> {
  const root = `${directory}/root`;
  await makeDebianRoot(root, packages);
  const inRoot = (...argv: string[]) => run(["chroot", root, ...argv]);
  await Deno.writeTextFile(`${root}/etc/ssh/sshd_config`, sshdConfig);
  await Deno.writeTextFile(`${root}/usr/local/sbin/poweroff`, poweroff, { mode: 0o755 });
  await Deno.writeTextFile(`${root}/etc/sudoers.d/dev`, "dev ALL=(ALL) NOPASSWD: ALL\n");
  await Deno.writeTextFile(
    `${root}/etc/profile.d/nixbox.sh`,
    "if [ -r /run/nixbox/env.sh ]; then . /run/nixbox/env.sh; fi\n",
  );
  // "users" is gid 100 here as on NixOS. A locked password would lock the key out too.
  await inRoot(
    ...["useradd", "--create-home", "--uid", "1000", "--gid", "100"],
    ...["--shell", "/bin/bash", "--password", "*", "dev"],
  );
  await keepKernel(directory, root);
  await Deno.remove(`${root}/boot`, { recursive: true });
  await Deno.remove(`${root}/var/cache`, { recursive: true });
  await Deno.remove(`${root}/usr/share/doc`, { recursive: true });
  await run([
    ...["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-m", "0", "-L", "lab"],
    ...["-d", root, `${directory}/root.ext4`, "900M"],
  ]);
  await Deno.remove(root, { recursive: true });
}

/** Takes the kernel, the modules and a static busybox out of the root: what the initrd is made of. */
async function keepKernel(directory: string, root: string): Promise<void> {
  for await (const entry of Deno.readDir(`${root}/boot`)) {
    if (entry.name.startsWith("vmlinuz-")) {
      await Deno.copyFile(`${root}/boot/${entry.name}`, `${directory}/vmlinuz`);
    }
  }
  await Deno.copyFile(`${root}/bin/busybox`, `${directory}/busybox`);
  await Deno.mkdir(`${directory}/modules`);
  for (const name of modules) {
    const { stdout } = await run(["find", `${root}/usr/lib/modules`, "-name", `${name}.ko*`]);
    const [found] = stdout.trim().split("\n");
    if (!found) throw new Error(`the guest's kernel has no module ${name}`);
    const copy = `${directory}/modules/${name}.ko`;
    await Deno.copyFile(found, found.endsWith(".xz") ? `${copy}.xz` : copy);
    if (found.endsWith(".xz")) await run(["xz", "-d", `${copy}.xz`]);
  }
}

/** The initrd carries the scripts of this working tree, so that a change needs no new image. */
async function makeInitrd(base: string): Promise<string> {
  await installHere(["cpio"]);
  const here = new URL(".", import.meta.url).pathname;
  const scripts = {
    init: await Deno.readTextFile(`${here}guest/initrd.sh`),
    "lab-init": await Deno.readTextFile(`${here}guest/init.sh`),
    "provision.sh": await Deno.readTextFile(`${here}../../nix/guest/provision.sh`),
  };
  const text = new TextEncoder().encode(JSON.stringify(scripts));
  const key = encodeHex(await crypto.subtle.digest("SHA-256", text)).slice(0, 16);
  const initrd = `${base}/initrd-${key}`;
  if (await Deno.stat(initrd).then(() => true, () => false)) return initrd;
  const tree = await Deno.makeTempDir();
  try {
    for (const name of ["bin", "modules", "proc", "sys", "dev", "mnt"]) {
      await Deno.mkdir(`${tree}/${name}`);
    }
    await Deno.copyFile(`${base}/busybox`, `${tree}/bin/busybox`);
    await Deno.chmod(`${tree}/bin/busybox`, 0o755);
    for (const [index, name] of modules.entries()) {
      await Deno.copyFile(`${base}/modules/${name}.ko`, `${tree}/modules/${index}-${name}.ko`);
    }
    for (const [name, script] of Object.entries(scripts)) {
      await Deno.writeTextFile(`${tree}/${name}`, script, { mode: 0o755 });
    }
    const pack =
      'cd "$1" && find . | cpio --quiet -o -H newc | gzip -1 >"$2.new" && mv "$2.new" "$2"';
    await run(["sh", "-c", pack, "sh", tree, initrd]);
  } finally {
    await Deno.remove(tree, { recursive: true });
  }
  return initrd;
}
