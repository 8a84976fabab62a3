import type { CachedThing } from "./cache.ts";
import { concatenate, cpioArchive } from "./cpio.ts";
import { addresses, dnsmasqConfig } from "./internet/names.ts";
import { runnerFiles } from "./runners.ts";

const guestParts = {
  kernel: "/lab/guest/vmlinuz",
  initrd: "/lab/initrd",
  disk: "/lab/guest/plain.ext4",
};
const systemdDisk = "/lab/guest/systemd.ext4";

/** The scripts that the initrd brings, by their names there: they change more often than the disks. */
const initrdScripts = {
  "init": "guest/initrd.sh",
  "init.sh": "guest/init.sh",
  "provision.sh": "../../nix/guest/provision.sh",
  "attack.py": "guest/attack.py",
  "files.py": "guest/files.py",
  "set_user_id.py": "guest/set_user_id.py",
  "vsock.py": "guest/vsock.py",
} as const;

/**
 * What a run sees in /lab beside the disks: the runners, the internet's tables, and the initrd with
 * the scripts of this working tree. Made in milliseconds whenever one of them changes.
 */
export async function runFiles(images: string): Promise<CachedThing> {
  const scripts: Record<string, string> = {};
  for (const [name, path] of Object.entries(initrdScripts)) {
    scripts[name] = await Deno.readTextFile(new URL(path, import.meta.url));
  }
  const texts: Record<string, string> = {
    ...runnerFiles(guestParts, systemdDisk),
    "internet/addresses": `${addresses().join("\n")}\n`,
    "internet/dnsmasq.conf": dnsmasqConfig(),
  };
  return {
    name: "files",
    definition: ["1", images, JSON.stringify({ scripts, texts })],
    build: async (directory) => {
      for (const [path, text] of Object.entries(texts)) {
        const file = `${directory}/${path}`;
        await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
        await Deno.writeTextFile(file, text, { mode: /(^|\/)bin\//.test(path) ? 0o755 : 0o644 });
      }
      await Deno.writeFile(`${directory}/initrd`, await makeInitrd(images, scripts));
    },
  };
}

async function makeInitrd(
  images: string,
  scripts: Readonly<Record<string, string>>,
): Promise<Uint8Array<ArrayBuffer>> {
  const files = Object.entries(scripts).map(([path, text]) => {
    return { path, content: new TextEncoder().encode(text), mode: 0o755 };
  });
  return concatenate([await Deno.readFile(`${images}/initrd`), cpioArchive(files)]);
}
