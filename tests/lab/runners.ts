import type { GuestImage } from "./guest_image.ts";

/** Quotes as nixpkgs' `lib.escapeShellArg` does: only where needed. */
function escape(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The script that microvm.nix makes for QEMU, with the headroom values of nix/guest. */
function qemuRunner(image: GuestImage, kernelParams: readonly string[]): string {
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
    ...["-nographic", "-qmp", "unix:nixbox.sock,server,nowait"],
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
exec -a "microvm@nixbox" /usr/bin/qemu-system-x86_64 ${
    argv.map(escape).join(" ")
  } \${runtime_args:-}
`;
}

const guest = JSON.stringify({ user: "dev", home: "/home/dev" });

/** Writes one directory as `nix build .#vm-runner` would give it. */
async function writeRunnerDirectory(directory: string, script: string): Promise<void> {
  await Deno.mkdir(`${directory}/bin`, { recursive: true });
  await Deno.mkdir(`${directory}/share/nixbox`, { recursive: true });
  await Deno.writeTextFile(`${directory}/bin/microvm-run`, script, { mode: 0o755 });
  await Deno.writeTextFile(`${directory}/share/nixbox/guest.json`, guest);
}

/** Guests that are bad in one way each, by words on the kernel's command line. */
const badGuests = ["nodhcp", "nosshd", "deaf"];

/**
 * Writes the runners that tests use into `directory`: `runner` for the good guest, `runner-WORD` for
 * each bad one, and some that are broken before there is a guest.
 */
export async function writeRunners(directory: string, image: GuestImage): Promise<void> {
  await writeRunnerDirectory(`${directory}/runner`, qemuRunner(image, []));
  for (const word of badGuests) {
    await writeRunnerDirectory(`${directory}/runner-${word}`, qemuRunner(image, [`lab.${word}`]));
  }
  const good = qemuRunner(image, []);
  const qemu = "/usr/bin/qemu-system-x86_64";
  const broken: Record<string, string> = {
    unparsable: good.replace("-nographic", "'-nographic"),
    unfit: good.replace("-numa node,memdev=mem", "").replace(/ -qmp \S+/, ""),
    "dies-at-once": good.replace(qemu, "/lab/bin/dies-at-once"),
    "dies-soon": good.replace(qemu, "/lab/bin/dies-soon"),
  };
  for (const [name, script] of Object.entries(broken)) {
    await writeRunnerDirectory(`${directory}/runner-${name}`, script);
  }
  await Deno.mkdir(`${directory}/bin`, { recursive: true });
  const dies = (seconds: number) =>
    `#!/bin/sh\necho "fake hypervisor: starting" >&2\nsleep ${seconds}\n` +
    `echo "fake hypervisor: no such device" >&2\nexit 7\n`;
  await Deno.writeTextFile(`${directory}/bin/dies-at-once`, dies(0), { mode: 0o755 });
  await Deno.writeTextFile(`${directory}/bin/dies-soon`, dies(2), { mode: 0o755 });
}
