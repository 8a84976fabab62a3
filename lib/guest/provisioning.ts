import type { Host } from "../host/host.ts";
import { fileError, removeIfExists } from "../host/files/files.ts";
import { run, toolMs } from "../host/process/run.ts";
import type { ProjectKeys } from "./keys.ts";

/** Serial number by which the guest finds the disk, and the device's id at the hypervisor. */
export const provisioningSerial = "nixbox";
export const provisioningDiskId = "provisioning";

/** What the provisioning disk tells the guest. */
export interface Provisioning {
  /** The login name. */
  readonly user: string;
  /** The host name. */
  readonly hostname: string;
  /** Seconds since 1970. */
  readonly clock: number;
  /** Variables of the guest; values may be secrets. */
  readonly env: Readonly<Record<string, string>>;
  /** Where the guest's own loopback has its proxy, and which vsock port of the host it leads to. */
  readonly proxyPort?: number;
  /** Resolvers in place of those that DHCP gives. */
  readonly dns?: readonly string[];
  /** Where the guest mounts which share. */
  readonly mounts: readonly {
    readonly tag: string;
    readonly target: string;
    readonly mode: MountMode;
  }[];
}

/**
 * How the guest mounts a share; `overlay` keeps what it changes in its own memory. With `bind` the tag
 * is a directory of the guest, which is seen at the target too.
 */
export type MountMode = "ro" | "rw" | "overlay" | "bind";

export function mountModeOf(
  share: { readonly readonly: boolean; readonly overlay: boolean },
): Exclude<MountMode, "bind"> {
  return share.overlay ? "overlay" : share.readonly ? "ro" : "rw";
}

/** The text files of the disk, by name; nix/guest/provision.sh says what each holds. */
export function provisioningFiles(provisioning: Provisioning): Readonly<Record<string, string>> {
  const { user, hostname, clock, env, mounts, proxyPort, dns = [] } = provisioning;
  return {
    user: `${user}\n`,
    hostname: `${hostname}\n`,
    clock: `${clock}\n`,
    env: environmentText(env),
    mounts: nulEnded(
      mounts.flatMap(({ tag, target, mode }) => [tag, target, mode]),
    ),
    ...(proxyPort === undefined ? {} : { proxy: `${proxyPort}\n` }),
    ...(dns.length === 0 ? {} : { dns: `${dns.join(" ")}\n` }),
  };
}

/** Variables as the guest takes them: `NAME=value`, each ended by NUL. */
export function environmentText(env: Readonly<Record<string, string>>): string {
  return nulEnded(Object.entries(env).map(([name, value]) => `${name}=${value}`));
}

function nulEnded(fields: readonly string[]): string {
  return fields.map((field) => `${field}\0`).join("");
}

/**
 * Makes the disk image, without root, in `directory`, which must be private and in memory: it holds
 * secrets. Gives its path. The files it is made from are gone when this returns.
 */
export async function makeProvisioningDisk(
  host: Host,
  directory: string,
  provisioning: Provisioning,
  keys: ProjectKeys,
): Promise<string> {
  const source = `${directory}/provisioning`;
  const image = provisioningImage(directory);
  await removeIfExists(source);
  await removeIfExists(image);
  await Deno.mkdir(source, { mode: 0o700 });
  try {
    const bytes = await writeFiles(source, provisioning, keys);
    await Deno.writeFile(image, new Uint8Array(), { mode: 0o600, createNew: true });
    const mke2fs = await host.which("mke2fs") ?? "mke2fs";
    await run([mke2fs, ...mke2fsArguments(source, image, bytes)], { timeoutMs: toolMs });
  } catch (error) {
    await removeIfExists(image);
    throw fileError("the provisioning disk could not be made", error);
  } finally {
    await removeIfExists(source);
  }
  return image;
}

export function provisioningImage(directory: string): string {
  return `${directory}/provisioning.img`;
}

async function writeFiles(
  directory: string,
  provisioning: Provisioning,
  keys: ProjectKeys,
): Promise<number> {
  const files: Record<string, string> = {
    ...provisioningFiles(provisioning),
    authorized_keys: await Deno.readTextFile(keys.login.publicFile),
    ssh_host_ed25519_key: await Deno.readTextFile(keys.host.privateFile),
    id_ed25519: await Deno.readTextFile(keys.identity.privateFile),
    "id_ed25519.pub": await Deno.readTextFile(keys.identity.publicFile),
  };
  let bytes = 0;
  for (const [name, text] of Object.entries(files)) {
    const content = new TextEncoder().encode(text);
    bytes += content.length;
    await Deno.writeFile(`${directory}/${name}`, content, { mode: 0o600 });
  }
  return bytes;
}

/** A small ext4 without journal; half as much again as the files, and a megabyte for itself. */
function mke2fsArguments(source: string, image: string, bytes: number): string[] {
  const sizeKB = 1024 + Math.ceil(bytes * 1.5 / 1024);
  const features = "^has_journal,^resize_inode,^metadata_csum";
  return [
    ...["-q", "-F", "-t", "ext4", "-b", "1024", "-m", "0", "-N", "64", "-O", features],
    ...["-L", "nixbox", "-E", "root_owner=0:0", "-d", source, image, `${sizeKB}k`],
  ];
}
