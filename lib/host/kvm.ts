import type { Acceleration } from "./host.ts";
import { exists } from "./files/files.ts";
import { findProgram } from "./process/programs.ts";
import { messageOf } from "../base/error.ts";
import { run } from "./process/run.ts";

/** Modules that serve /dev/kvm by the processor's own virtualization. */
const stockModules = ["kvm_intel", "kvm_amd"];

/**
 * Whether KVM really runs guests here. The device's existence proves nothing: it may not be ours to
 * open, or served by a module that accepts a guest and never runs it. Where the module is not known
 * for sure, a boot sector is run in QEMU, and must end within a bound.
 */
export async function probeKvm(): Promise<Acceleration> {
  const obstacle = await whyNotOpened("/dev/kvm");
  if (obstacle !== undefined) return unusable(obstacle);
  // On other architectures KVM is a part of the kernel itself, and there is only one.
  if (Deno.build.arch !== "x86_64") return { usable: true, reason: "KVM" };
  for (const module of stockModules) {
    if (await isLoaded(module)) return { usable: true, reason: `KVM by ${module}` };
  }
  if (await exists("/sys/module/kvm_pvm")) {
    return unusable("the module kvm_pvm serves /dev/kvm, which runs no stock kernel");
  }
  for (const module of stockModules) {
    // Built into the kernel; the device is there only because one of them found its hardware.
    if (await exists(`/sys/module/${module}`)) return { usable: true, reason: `KVM by ${module}` };
  }
  return await runBootSector("kvm");
}

function unusable(reason: string): Acceleration {
  return { usable: false, reason };
}

/** Why a device cannot be opened for reading and writing; `undefined` if it can. */
export async function whyNotOpened(path: string): Promise<string | undefined> {
  if (!await exists(path)) return `there is no ${path}`;
  try {
    (await Deno.open(path, { read: true, write: true })).close();
    return undefined;
  } catch (error) {
    const isRefused = error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotCapable;
    return isRefused
      ? `${path} may not be opened by you: join the group kvm (\`sudo usermod -aG kvm $USER\`)`
      : `${path} cannot be opened: ${messageOf(error)}`;
  }
}

/**
 * Whether a module was loaded, and so serves /dev/kvm: only one of them can. One that is built into
 * the kernel has a directory too, hardware or not, without `initstate`.
 */
async function isLoaded(module: string): Promise<boolean> {
  return await exists(`/sys/module/${module}/initstate`);
}

/**
 * A boot sector that counts down from 50 million, writes 0x2a to port 0xf4 and halts; QEMU's
 * isa-debug-exit device then ends it with the code 0x2a * 2 + 1. A processor counts so far in well
 * under a second. kvm_pvm, which was seen to interpret each instruction, does not in a minute.
 *
 *          66 b9 80 f0 fa 02   mov ecx, 50000000
 *     1:   66 49               dec ecx
 *          75 fc               jnz 1b
 *          b0 2a               mov al, 0x2a
 *          e6 f4               out 0xf4, al
 *          f4                  hlt
 */
const instructions = [
  ...[0x66, 0xb9, 0x80, 0xf0, 0xfa, 0x02],
  ...[0x66, 0x49, 0x75, 0xfc],
  ...[0xb0, 0x2a, 0xe6, 0xf4, 0xf4],
];
const expectedCode = 0x2a * 2 + 1;
const boundMs = 5000;

/** Runs the boot sector in QEMU, within 5 s. With `tcg` it shows that the sector itself is right. */
export async function runBootSector(accelerator: "kvm" | "tcg"): Promise<Acceleration> {
  const name = accelerator.toUpperCase();
  const qemu = findProgram("qemu-system-x86_64");
  if (qemu === undefined) {
    return unusable("it is not known whether /dev/kvm runs guests, and there is no QEMU to try");
  }
  const sector = new Uint8Array(512);
  sector.set(instructions);
  sector.set([0x55, 0xaa], 510);
  const image = await Deno.makeTempFile({ prefix: "nixbox-kvm-" });
  try {
    await Deno.writeFile(image, sector);
    const { code } = await run([
      ...[qemu, "-accel", accelerator, "-m", "16", "-nodefaults", "-display", "none"],
      ...["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"],
      ...["-drive", `format=raw,file=${image}`],
    ], { accept: "any", timeoutMs: boundMs });
    return code === expectedCode
      ? { usable: true, reason: `${name} ran a boot sector` }
      : unusable(`/dev/kvm opens, but QEMU could not run a guest on it (exit ${code})`);
  } catch (error) {
    return unusable(`/dev/kvm opens, but runs no boot sector: ${messageOf(error)}`);
  } finally {
    await Deno.remove(image);
  }
}
