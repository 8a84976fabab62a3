import type { Host } from "./host.ts";
import { readTextIfExists } from "./files/files.ts";
import { refusedPrograms } from "./process/programs.ts";

/** A program that nixbox runs, and what packages bring it. */
export interface Tool {
  readonly program: string;
  /** What it is for, for people. */
  readonly purpose: string;
  /**
   * `up`: nothing runs without it. `build`: only where runners are built. `kvm`, `tcg`: one of them.
   * `inspect`: only for mode filtered with inspection. `sshfs`: only for shares by way of SSH; not on
   * PATH, so it is not looked for there.
   */
  readonly neededFor: "up" | "build" | "kvm" | "tcg" | "inspect" | "sshfs";
  readonly packages: Readonly<Record<"debian" | "fedora" | "arch" | "nixos" | "darwin", string>>;
}

function tool(
  program: string,
  purpose: string,
  neededFor: Tool["neededFor"],
  packages: Tool["packages"],
): Tool {
  return { program, purpose, neededFor, packages };
}

/** One package name that all distributions share. */
function everywhere(name: string): Tool["packages"] {
  return { debian: name, fedora: name, arch: name, nixos: name, darwin: name };
}

const openssh = {
  debian: "openssh-client",
  fedora: "openssh-clients",
  arch: "openssh",
  nixos: "openssh",
  darwin: "openssh",
};

const sftpServer = tool("sftp-server", "serves shares by way of SSH", "sshfs", {
  ...openssh,
  debian: "openssh-sftp-server",
  fedora: "openssh-server",
});

const linuxTools: readonly Tool[] = [
  tool("bash", "runs microvm.nix's runner script", "up", everywhere("bash")),
  tool("ssh", "reaches the guest", "up", openssh),
  tool("ssh-keygen", "makes the project's keys", "up", openssh),
  tool("mke2fs", "makes the provisioning disk", "up", everywhere("e2fsprogs")),
  tool("unshare", "keeps virtiofsd apart", "up", everywhere("util-linux")),
  tool("virtiofsd", "shares directories", "up", everywhere("virtiofsd")),
  tool("nft", "loads the firewall", "up", everywhere("nftables")),
  tool("ip", "makes the tap", "up", {
    ...everywhere("iproute2"),
    fedora: "iproute",
  }),
  tool("dnsmasq", "gives the guest its address and names", "up", {
    ...everywhere("dnsmasq"),
    debian: "dnsmasq-base",
  }),
  tool("haproxy", "looks at the names in TLS and HTTP", "inspect", everywhere("haproxy")),
  tool("nix", "reads the config and builds the machine", "build", {
    ...everywhere("nix"),
    debian: "nix-bin",
  }),
  tool("qemu-system-x86_64", "runs the guest where there is no KVM", "tcg", {
    ...everywhere("qemu"),
    debian: "qemu-system-x86",
    fedora: "qemu-system-x86-core",
    arch: "qemu-base",
  }),
];

const darwinTools: readonly Tool[] = [
  tool("ssh", "reaches the guest", "up", openssh),
  tool("ssh-keygen", "makes the project's keys", "up", openssh),
  tool("bash", "runs microvm.nix's runner script", "up", everywhere("bash")),
  tool("mke2fs", "makes the provisioning disk", "up", everywhere("e2fsprogs")),
  tool("nix", "reads the config and builds the machine", "build", everywhere("nix")),
  tool(
    "vfkit",
    "runs the guest; it comes with the machine that Nix builds",
    "kvm",
    everywhere("vfkit"),
  ),
];

export function toolsFor(os: Host["os"]): readonly Tool[] {
  return os === "linux" ? linuxTools : darwinTools;
}

type Distribution = keyof Tool["packages"];

const installCommands: Readonly<Record<Distribution, string>> = {
  debian: "sudo apt install",
  fedora: "sudo dnf install",
  arch: "sudo pacman -S",
  nixos: "nix-shell -p",
  darwin: "brew install",
};

/**
 * The command that installs programs on this distribution, from /etc/os-release (os-release(5)); and
 * why those that are there are not run.
 */
export async function installHint(programs: readonly string[]): Promise<string> {
  const release = await readTextIfExists("/etc/os-release");
  const refused = programs.flatMap((program) => refusedPrograms(program))
    .map(({ path, reason }) => `; ${path} is not run: ${reason}`);
  return installCommand(programs, distributionOf(release)) + refused.join("");
}

/** The family that an os-release text names by ID or ID_LIKE; macOS has no such file. */
export function distributionOf(release: string | undefined): Distribution {
  if (release === undefined) return "darwin";
  const words = [...release.matchAll(/^ID(?:_LIKE)?="?([^"\n]*)"?$/gm)]
    .flatMap((match) => (match[1] ?? "").split(/\s+/));
  for (const word of words) {
    if (word === "debian" || word === "ubuntu") return "debian";
    if (word === "fedora" || word === "rhel" || word === "centos") return "fedora";
    if (word === "arch" || word === "nixos") return word;
  }
  return "nixos";
}

export function installCommand(programs: readonly string[], distribution: Distribution): string {
  const all = [...linuxTools, ...darwinTools, sftpServer];
  const packages = programs.map((program) =>
    all.find((candidate) => candidate.program === program)?.packages[distribution] ?? program
  );
  return `install with \`${installCommands[distribution]} ${[...new Set(packages)].join(" ")}\``;
}
