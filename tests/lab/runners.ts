/** Where a guest's parts are, as the machine under test sees them. */
export interface GuestParts {
  readonly kernel: string;
  readonly initrd: string;
  /** ext4, read-only. */
  readonly disk: string;
}

/** Quotes as nixpkgs' `lib.escapeShellArg` does: only where needed. */
function escape(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The script that microvm.nix makes for QEMU, with the headroom values of nix/guest. */
function qemuRunner(image: GuestParts, kernelParams: readonly string[]): string {
  const rootPorts = Array.from({ length: 16 }, (_, index) => [
    "-device",
    `pcie-root-port,id=hotplug${index},chassis=${index + 1},slot=0x${(index + 1).toString(16)}`,
  ]).flat();
  const argv = [
    ...["-name", "nixbox", "-M", "q35,accel=kvm:tcg,acpi=on,mem-merge=on"],
    ...["-m", "65536M", "-smp", "256", "-nodefaults", "-no-user-config", "-no-reboot"],
    ...["-kernel", image.kernel, "-initrd", image.initrd],
    ...["-chardev", "stdio,id=stdio,signal=off", "-device", "virtio-rng-pci"],
    ...rootPorts,
    ...["-serial", "chardev:stdio", "-enable-kvm", "-cpu", "host,+x2apic,-sgx"],
    ...["-device", "i8042"],
    "-append",
    ["earlyprintk=ttyS0 console=ttyS0 reboot=t panic=-1 quiet", ...kernelParams].join(" "),
    ...["-nographic", "-sandbox", "on", "-qmp", "unix:nixbox.sock,server,nowait"],
    ...["-device", "virtio-balloon-pci,free-page-reporting=on,id=balloon0,deflate-on-oom=on"],
    "-drive",
    `id=vda,format=raw,file=${image.disk},if=none,aio=threads,discard=unmap,read-only=on`,
    ...["-device", "virtio-blk-pci,drive=vda"],
    ...["-numa", "node,memdev=mem"],
    ...["-object", "memory-backend-memfd,id=mem,size=65536M,share=on"],
    ...["-netdev", "tap,id=vmtap0,ifname=vmtap0,script=no,downscript=no,queues=256"],
    "-device",
    "virtio-net-pci,netdev=vmtap0,mac=02:00:00:00:00:01,romfile=,mq=on,vectors=514",
  ];
  return `#!/usr/bin/env bash
set -eou pipefail

runtime_args=
exec -a "microvm@nixbox" ${qemu} ${argv.map(escape).join(" ")} \${runtime_args:-}
`;
}

/** The script that microvm.nix makes for vfkit with a control socket (lib/runners/vfkit.nix). */
function vfkitRunner(image: GuestParts, kernelParams: readonly string[]): string {
  const cmdline = ["console=hvc0 reboot=t panic=-1 quiet lab.vsock", ...kernelParams].join(" ");
  const loader = `linux,kernel=${image.kernel},initrd=${image.initrd},cmdline="${cmdline}"`;
  const argv = [
    ...["--cpus 4 --memory 4096 --log-level info", `--bootloader '\\''${loader}'\\''`],
    ...["--device virtio-rng --device virtio-serial,stdio"],
    ...[`--device '\\''virtio-blk,path=${image.disk},readonly'\\''`],
    `--restful-uri "unix:///$SOCKET_ABS"`,
  ];
  return `#!/usr/bin/env bash
set -eou pipefail

runtime_args=
exec -a "microvm@nixbox" bash -c 'SOCKET_ABS=nixbox.sock
[[ "$SOCKET_ABS" != /* ]] && SOCKET_ABS="$PWD/$SOCKET_ABS"
exec /src/tests/stand_in/macos/bin/vfkit ${argv.join(" ")}
' \${runtime_args:-}
`;
}

const guest = JSON.stringify({ user: "dev", home: "/home/dev" });
const qemu = "/usr/bin/qemu-system-x86_64";

/** Guests that are bad in one way each, by words on the kernel's command line. */
const badGuests = ["nodhcp", "nosshd", "deaf", "vanish", "panic"];

/** Text of a file by its path; those under `bin/` are programs. */
export type RunnerFiles = Readonly<Record<string, string>>;

/**
 * The runners that tests use: `runner` for the good guest, `runner-systemd` for the one with systemd,
 * `runner-WORD` for each bad one, and some that are broken before there is a guest.
 */
export function runnerFiles(plain: GuestParts, systemdDisk: string): RunnerFiles {
  const good = qemuRunner(plain, []);
  const scripts: Record<string, string> = {
    "runner": good,
    "runner-systemd": qemuRunner({ ...plain, disk: systemdDisk }, []),
    "runner-unparsable": good.replace("-nographic", "'-nographic"),
    "runner-unfit": good.replace("-numa node,memdev=mem", "").replace(/ -qmp \S+/, ""),
    "runner-dies-at-once": good.replace(qemu, "/lab/bin/dies-at-once"),
    "runner-dies-soon": good.replace(qemu, "/lab/bin/dies-soon"),
  };
  scripts["runner-vfkit"] = vfkitRunner(plain, []);
  scripts["runner-vfkit-deaf"] = vfkitRunner(plain, ["lab.deaf"]);
  scripts["runner-vfkit-nosshd"] = vfkitRunner(plain, ["lab.nosshd"]);
  for (const word of badGuests) scripts[`runner-${word}`] = qemuRunner(plain, [`lab.${word}`]);
  const files: Record<string, string> = {
    "bin/dies-at-once": dyingProgram(0),
    "bin/dies-soon": dyingProgram(2),
  };
  for (const [name, script] of Object.entries(scripts)) {
    files[`${name}/bin/microvm-run`] = script;
    files[`${name}/share/nixbox/guest.json`] = guest;
  }
  return files;
}

function dyingProgram(seconds: number): string {
  return [
    "#!/bin/sh",
    'echo "fake hypervisor: starting" >&2',
    `sleep ${seconds}`,
    'echo "fake hypervisor: no such device" >&2',
    "exit 7",
    "",
  ].join("\n");
}
