import type { Machine } from "./arguments.ts";

/** Files of one run, in its own directory. */
export interface Places {
  readonly directory: string;
  /** QEMU's control socket. */
  readonly qmp: string;
  /** The serial port over which vsock is led. */
  readonly vsock: string;
}

export function placesIn(directory: string): Places {
  return { directory, qmp: `${directory}/qmp`, vsock: `${directory}/vsock` };
}

/** Where the virtiofsd of a share listens. */
export function shareSocket(places: Places, index: number): string {
  return `${places.directory}/share${index}`;
}

/** The QEMU that is the machine of a command line: emulated, with the same devices. */
export function qemuArgv(machine: Machine, places: Places): string[] {
  const { cpus, memoryMB, kernel, initrd, cmdline, consoleLog } = machine;
  return [
    "qemu-system-x86_64",
    ...["-M", "q35,accel=tcg", "-cpu", "max", "-smp", `${cpus}`, "-m", `${memoryMB}M`],
    ...["-object", `memory-backend-memfd,id=memory,size=${memoryMB}M,share=on`],
    ...["-numa", "node,memdev=memory", "-nodefaults", "-no-user-config", "-no-reboot"],
    ...["-nographic", "-kernel", kernel, "-initrd", initrd, "-append", cmdline],
    ...["-qmp", `unix:${places.qmp},server,nowait`, "-device", "virtio-rng-pci"],
    ...["-device", "virtio-serial-pci"],
    ...[
      "-chardev",
      consoleLog === undefined ? "null,id=console" : `file,id=console,path=${consoleLog}`,
    ],
    ...["-device", "virtconsole,chardev=console"],
    ...["-chardev", `socket,id=vsock,path=${places.vsock},server=on,wait=off`],
    ...["-device", "virtserialport,chardev=vsock,name=nixbox.vsock"],
    ...machine.disks.flatMap(({ path, readonly, id }, index) => [
      "-drive",
      `id=disk${index},if=none,format=raw,file=${path},read-only=${readonly ? "on" : "off"}`,
      "-device",
      `virtio-blk-pci,drive=disk${index}${id === undefined ? "" : `,serial=${id}`}`,
    ]),
    ...sharesOf(machine).flatMap(({ tag }, index) => [
      ...["-chardev", `socket,id=share${index},path=${shareSocket(places, index)}`],
      ...["-device", `vhost-user-fs-pci,chardev=share${index},tag=${tag}`],
    ]),
    // The network that vmnet makes for guests.
    ...machine.cards.flatMap((mac, index) => [
      "-netdev",
      `user,id=card${index},net=192.168.64.0/24,host=192.168.64.1,dns=192.168.64.2,dhcpstart=192.168.64.3`,
      "-device",
      `virtio-net-pci,netdev=card${index}${mac === undefined ? "" : `,mac=${mac}`}`,
    ]),
  ];
}

/** With Rosetta's, which is a directory of Apple's that the host gives. */
export function sharesOf(machine: Machine): readonly { directory: string; tag: string }[] {
  return machine.rosettaTag === undefined
    ? machine.shares
    : [...machine.shares, { directory: "/usr/share/misc", tag: machine.rosettaTag }];
}

/**
 * vfkit serves every directory for writing, as its own user; whoever looks in the guest is shown as
 * the owner (lima issue 1513), here the guest's user (1000, 100) and root.
 */
export function virtiofsdArgv(places: Places, directory: string, index: number): string[] {
  return [
    ...["/usr/libexec/virtiofsd", "--shared-dir", directory, "--sandbox=none"],
    ...["--socket-path", shareSocket(places, index), "--cache=auto"],
    ...["--translate-uid", `map:1000:${Deno.uid() ?? 0}:1`],
    ...["--translate-gid", `map:100:${Deno.gid() ?? 0}:1`],
  ];
}
