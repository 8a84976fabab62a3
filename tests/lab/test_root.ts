import type { CachedThing } from "./cache.ts";
import { debianTreeVersion, makeDebianTree } from "./debian.ts";

const packages = [
  ...["ca-certificates", "nix-bin", "qemu-system-x86", "qemu-utils", "virtiofsd", "dnsmasq-base"],
  ...["nftables", "iproute2", "iptables", "openssh-server", "openssh-client", "e2fsprogs", "sudo"],
  ...["util-linux", "procps", "sshfs", "cpio", "zstd", "uidmap", "iputils-ping", "curl", "git"],
  ...[
    "netcat-openbsd",
    "bash",
    "bind9-dnsutils",
    "psmisc",
    "python3-minimal",
    "rsync",
    "strace",
    "tini",
    "haproxy",
    "openssl",
    "iperf3",
  ],
];

const files = {
  // No build sandbox, which needs more than the lab gives, and no cache: there is no way out.
  "/etc/nix/nix.conf": {
    text: [
      "experimental-features = nix-command flakes",
      "sandbox = false",
      "substituters =",
      // Builds run as root in root's own store or daemon.
      "build-users-group =",
      "flake-registry =",
    ].join("\n") + "\n",
  },
  "/etc/resolv.conf": { text: "nameserver 80.0.2.1\n" },
  "/etc/hosts": { text: "127.0.0.1 localhost lab\n::1 localhost\n" },
  "/etc/hostname": { text: "lab\n" },
  "/etc/sudoers.d/dev": { text: "dev ALL=(ALL:ALL) NOPASSWD: ALL\n", mode: 0o440 },
} as const;

const commands = [
  "groupadd --system --force kvm",
  "groupadd --gid 1000 dev",
  "useradd --uid 1000 --gid 1000 --groups kvm --create-home --shell /bin/bash dev",
  "mkdir -p /nix /src /lab /deno /deno-dev",
];

/** The file system of the machine under test: Debian with all that nixbox runs, without nixbox. */
export const testRoot: CachedThing = {
  name: "root",
  definition: [debianTreeVersion, JSON.stringify({ packages, files, commands })],
  build: (directory) => makeDebianTree(directory, { packages, files, commands }),
};
