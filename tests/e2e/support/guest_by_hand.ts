import { run } from "../../../lib/host/process/run.ts";
import { sleep, waitFor } from "../../../lib/base/wait.ts";

/** A guest of the lab that runs under a QEMU command written here, without any of nixbox. */
export interface GuestByHand extends AsyncDisposable {
  readonly ended: Promise<Deno.CommandStatus>;
  /** What it has written to its serial console. */
  console(): Promise<string>;
  /** Waits until its sshd greets; gives the milliseconds since power-on. */
  untilSshGreets(): Promise<number>;
  /** Runs a command as its user. */
  ssh(command: string): Promise<{ readonly code: number; readonly stdout: string }>;
  pressPowerButton(): Promise<void>;
}

const port = 2222;
const readyWithinMs = 120_000;

export async function bootByHand(
  options: { readonly disk: string; readonly words?: readonly string[] },
): Promise<GuestByHand> {
  const directory = await Deno.makeTempDir({ dir: "/dev/shm" });
  const provisioning = await makeProvisioning(directory);
  const control = `${directory}/qmp.sock`;
  const log = `${directory}/console.log`;
  const started = performance.now();
  const qemu = new Deno.Command("qemu-system-x86_64", {
    args: [
      ...["-M", "q35,accel=tcg", "-cpu", "max", "-smp", "2", "-m", "1024M"],
      ...["-nodefaults", "-no-user-config", "-no-reboot", "-nographic"],
      ...["-kernel", "/lab/guest/vmlinuz", "-initrd", "/lab/initrd", "-append"],
      ["console=ttyS0 reboot=t panic=-1 quiet", ...options.words ?? []].join(" "),
      ...["-serial", `file:${log}`, "-qmp", `unix:${control},server,nowait`],
      // A disk that is found first must not be taken for the root disk.
      ...["-drive", `id=first,format=raw,file=${provisioning},if=none,read-only=on`],
      ...["-device", "virtio-blk-pci,drive=first,serial=nixbox"],
      ...["-drive", `id=root,format=raw,file=${options.disk},if=none,read-only=on`],
      ...["-device", "virtio-blk-pci,drive=root"],
      ...["-netdev", `user,id=net,hostfwd=tcp:127.0.0.1:${port}-:22`],
      ...["-device", "virtio-net-pci,netdev=net,romfile="],
    ],
    stdin: "null",
    stdout: "null",
  }).spawn();
  return {
    ended: qemu.status,
    console: () => Deno.readTextFile(log),
    async untilSshGreets() {
      const greeted = await waitFor(async () => await sshGreets() ? true : undefined, {
        timeoutMs: readyWithinMs,
        longestDelayMs: 100,
      });
      if (greeted === undefined) throw new Error(`no sshd: ${await Deno.readTextFile(log)}`);
      return performance.now() - started;
    },
    ssh: (command) => run(sshArgv(directory, command), { accept: "any", timeoutMs: 60_000 }),
    pressPowerButton: () => qmp(control, "system_powerdown"),
    async [Symbol.asyncDispose]() {
      try {
        qemu.kill("SIGKILL");
      } catch {
        // It has ended by itself.
      }
      await qemu.status;
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** The disk that nix/guest/provision.sh applies, with the least that makes a login possible. */
async function makeProvisioning(directory: string): Promise<string> {
  const files = `${directory}/files`;
  await Deno.mkdir(files);
  for (const name of [`${directory}/login`, `${files}/ssh_host_ed25519_key`]) {
    await run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name]);
  }
  const hostKey = await Deno.readTextFile(`${files}/ssh_host_ed25519_key.pub`);
  await Deno.writeTextFile(`${directory}/known_hosts`, `[127.0.0.1]:${port} ${hostKey}`);
  await Deno.copyFile(`${directory}/login.pub`, `${files}/authorized_keys`);
  const texts = {
    user: "dev\n",
    hostname: "by-hand\n",
    clock: `${Math.floor(Date.now() / 1000)}\n`,
    env: "GREETING=it's $HOME\0",
    mounts: "",
  };
  for (const [name, text] of Object.entries(texts)) {
    await Deno.writeTextFile(`${files}/${name}`, text);
  }
  const image = `${directory}/provisioning.img`;
  await run(["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-d", files, image, "2M"]);
  return image;
}

function sshArgv(directory: string, command: string): string[] {
  return [
    ...["ssh", "-F", "none", "-i", `${directory}/login`, "-p", `${port}`],
    ...["-o", `UserKnownHostsFile=${directory}/known_hosts`, "-o", "StrictHostKeyChecking=yes"],
    ...["-o", "BatchMode=yes", "dev@127.0.0.1", command],
  ];
}

/** QEMU itself takes the connection at once; only sshd says "SSH-2.0". */
async function sshGreets(): Promise<boolean> {
  try {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const buffer = new Uint8Array(4);
    const read = await Promise.race([connection.read(buffer), sleep(1000)]);
    return typeof read === "number" && new TextDecoder().decode(buffer) === "SSH-";
  } catch {
    return false;
  }
}

async function qmp(socket: string, command: string): Promise<void> {
  using connection = await Deno.connect({ transport: "unix", path: socket });
  const buffer = new Uint8Array(4096);
  await connection.read(buffer);
  for (const execute of ["qmp_capabilities", command]) {
    await connection.write(new TextEncoder().encode(`${JSON.stringify({ execute })}\n`));
    await connection.read(buffer);
  }
}
