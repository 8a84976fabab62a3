import type { Acceleration } from "./host.ts";
import { exists } from "./files.ts";
import { findProgram } from "./common.ts";
import { messageOf } from "./error.ts";
import { run } from "./process.ts";

/** Modules that run stock kernels, and those that serve /dev/kvm but cannot. */
const stockModules = ["kvm_intel", "kvm_amd"];
const unusableModules: Readonly<Record<string, string>> = {
  kvm_pvm: "the module kvm_pvm serves /dev/kvm, which runs no stock kernel",
};

/**
 * Whether KVM really runs guests here. The device's existence proves nothing: it may not be ours to
 * open, or served by a module that accepts a guest and never runs it. Where the module is not known
 * for sure, a few instructions are run in QEMU, and must end within a bound.
 */
export async function probeKvm(): Promise<Acceleration> {
  if (!await exists("/dev/kvm")) return unusable("there is no /dev/kvm");
  try {
    (await Deno.open("/dev/kvm", { read: true, write: true })).close();
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) {
      return unusable("/dev/kvm may not be opened by you: join the group kvm");
    }
    return unusable(`/dev/kvm cannot be opened: ${messageOf(error)}`);
  }
  for (const [name, reason] of Object.entries(unusableModules)) {
    if (await exists(`/sys/module/${name}`)) return unusable(reason);
  }
  for (const name of stockModules) {
    if (await isLoadedModule(name)) return { usable: true, reason: `KVM by ${name}` };
  }
  return await runInstructions();
}

function unusable(reason: string): Acceleration {
  return { usable: false, reason };
}

/** A module that is built in but finds no hardware has a directory too, without `initstate`. */
async function isLoadedModule(name: string): Promise<boolean> {
  return await exists(`/sys/module/${name}/initstate`);
}

/**
 * A boot sector that writes 0x2a to port 0xf4 and halts; QEMU's isa-debug-exit device then ends it
 * with the code 0x2a * 2 + 1.
 *
 *     b0 2a   mov al, 0x2a
 *     e6 f4   out 0xf4, al
 *     f4      hlt
 */
const instructions = [0xb0, 0x2a, 0xe6, 0xf4, 0xf4];
const expectedCode = 0x2a * 2 + 1;

async function runInstructions(): Promise<Acceleration> {
  const name = `qemu-system-${Deno.build.arch}`;
  const qemu = await findProgram(name, ["/usr/libexec"]);
  if (Deno.build.arch !== "x86_64" || qemu === undefined) {
    return unusable("it is not known whether /dev/kvm runs guests, and there is no QEMU to try");
  }
  const sector = new Uint8Array(512);
  sector.set(instructions);
  sector.set([0x55, 0xaa], 510);
  const image = await Deno.makeTempFile({ prefix: "nixbox-kvm-" });
  try {
    await Deno.writeFile(image, sector);
    const { code } = await run([
      ...[qemu, "-accel", "kvm", "-m", "16", "-nodefaults", "-display", "none"],
      ...["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"],
      ...["-drive", `format=raw,file=${image},if=ide,read-only=on`],
    ], { accept: "any", timeoutMs: 5000 });
    return code === expectedCode
      ? { usable: true, reason: "KVM ran a few instructions" }
      : unusable("/dev/kvm opens, but QEMU could not run a guest on it");
  } catch {
    return unusable("/dev/kvm opens, but a guest of five instructions did not end within 5 s");
  } finally {
    await Deno.remove(image);
  }
}
