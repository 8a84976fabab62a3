import { run } from "../../lib/host/process.ts";
import { cached } from "./cache.ts";
import { makeDebianRoot } from "./debian.ts";

/** What nixbox needs of a host, and what tests use beside it. */
const packages = [
  "ca-certificates",
  "curl",
  "dnsmasq-base",
  "dnsutils",
  "e2fsprogs",
  "git",
  "iproute2",
  "iptables",
  "iputils-ping",
  "netcat-openbsd",
  "nftables",
  "nix-bin",
  "openssh-client",
  "openssh-server",
  "procps",
  "psmisc",
  "python3-minimal",
  "qemu-system-x86",
  "rsync",
  "sshfs",
  "sudo",
  "uidmap",
  "util-linux",
  "virtiofsd",
];

const files: Readonly<Record<string, string>> = {
  "/etc/hostname": "lab\n",
  "/etc/hosts": "127.0.0.1 localhost\n127.0.1.1 lab\n",
  "/etc/resolv.conf": "nameserver 10.99.0.1\n",
  "/etc/sudoers.d/dev": "dev ALL=(ALL) NOPASSWD: ALL\n",
  // Offline: without a sandbox nix needs no build users, without substituters it asks no cache.
  "/etc/nix/nix.conf": [
    "experimental-features = nix-command flakes",
    "sandbox = false",
    "build-users-group =",
    "substituters =",
    "flake-registry =",
    "",
  ].join("\n"),
};

/** The Debian root in which everything under test runs, as a machine of its own. */
export function testRoot(): Promise<string> {
  return cached("root", { packages, files, version: 2 }, async (root) => {
    // mmdebstrap wants to make the directory itself.
    await Deno.remove(root);
    await makeDebianRoot(root, packages);
    for (const [file, text] of Object.entries(files)) {
      await Deno.mkdir(`${root}${file}`.replace(/\/[^/]*$/, ""), { recursive: true });
      await Deno.remove(`${root}${file}`).catch(() => {});
      await Deno.writeTextFile(`${root}${file}`, text);
    }
    await Deno.chmod(`${root}/etc/sudoers.d/dev`, 0o440);
    const inRoot = (...argv: string[]) => run(["chroot", root, ...argv]);
    await inRoot("useradd", "--create-home", "--uid", "1000", "--shell", "/bin/bash", "dev");
    // One store for root and dev: nix runs as whoever calls it, without a daemon.
    await inRoot("mkdir", "-p", "/nix/store", "/nix/var/nix");
    await inRoot("chown", "-R", "dev:", "/nix");
  });
}
