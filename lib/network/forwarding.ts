import * as z from "../base/zod.ts";
import type { Host } from "../host/host.ts";
import { runAsRoot } from "../host/root/as_root.ts";
import { exists } from "../host/files/files.ts";
import { parseJson } from "../base/json.ts";
import { NixboxError } from "../base/error.ts";
import { run, toolMs } from "../host/process/run.ts";
import { removeTable } from "./rules/host_rules.ts";

/** Whether this host forwards IPv4 (Linux, ip-sysctl). */
export const forwardSwitch = "/proc/sys/net/ipv4/ip_forward";

const table = "nixbox_forwarding";

/** Kinds of interfaces that programs make for what they forward: containers, machines, VPNs. */
const madeKinds = ["bridge", "veth", "tun", "wireguard", "macvlan", "ipvlan", "vxlan"];

/** Whole or not at all, and not of a pipe, of which a nixbox that is killed would leave a part. */
const remember = 'printf %s "$1" >"$0.new"; mv -fT -- "$0.new" "$0"';

/**
 * Lets the host forward IPv4 for its machines. Where nixbox switches that on, it makes no router of
 * the host: what neither comes from a machine nor goes to one is dropped. Others that come to forward
 * meanwhile (Docker) bring their own interfaces, and what goes by those passes.
 *
 * @param memory Where the interfaces are kept that there were: nixbox switched it on while it is there.
 */
export async function enableForwarding(host: Host, memory: string): Promise<void> {
  const isOn = (await Deno.readTextFile(forwardSwitch)).trim() === "1";
  if (isOn && !await exists(memory)) return;
  if (!await exists(memory)) {
    const known = (await interfaces(host)).map(({ name }) => name);
    await runAsRoot(host, ["sh", "-e", "-c", remember, memory, `${known.join("\n")}\n`]);
  }
  await runAsRoot(host, ["nft", "-f", "-"], forwardingRules(await knownIn(memory)));
  if (!isOn) await runAsRoot(host, ["tee", forwardSwitch], "1\n");
}

/** Whether nixbox's own rule that keeps the host from being a router is there, where it must be. */
export async function isForwardingHeld(host: Host, memory: string): Promise<boolean> {
  if (!await exists(memory)) return true;
  const { code } = await runAsRoot(host, ["nft", "list", "table", "inet", table], undefined, {
    accept: "any",
  });
  return code === 0;
}

/** The rules of a host that forwards for machines only; `known` are its interfaces of before. */
export function forwardingRules(known: readonly string[]): string {
  const names = known.map((name) => `"${name}"`).join(", ");
  const set = names === "" ? "" : ` elements = { ${names} }`;
  const kinds = madeKinds.map((kind) => `"${kind}"`).join(", ");
  return `${removeTable("inet", table)}table inet ${table} {
  set known { type ifname;${set} }
  chain forward {
    type filter hook forward priority filter - 5; policy accept;
    meta nfproto ipv6 accept
    iifname "nbx*" accept
    oifname "nbx*" accept
    iifname != @known meta iifkind { ${kinds} } accept
    oifname != @known meta oifkind { ${kinds} } accept
    counter drop
  }
}
`;
}

/**
 * Puts forwarding back as it was, when the last machine has gone. It stays on where somebody has come
 * to need it meanwhile: who made an interface for that.
 */
export async function restoreForwarding(host: Host, memory: string): Promise<void> {
  if (!await exists(memory)) return;
  const known = await knownIn(memory);
  await runAsRoot(host, ["nft", "-f", "-"], removeTable("inet", table));
  const isNeeded = (await interfaces(host)).some(({ name, kind }) =>
    !known.includes(name) && madeKinds.includes(kind)
  );
  if (!isNeeded) await runAsRoot(host, ["tee", forwardSwitch], "0\n");
  await runAsRoot(host, ["rm", "-f", memory]);
}

async function knownIn(memory: string): Promise<readonly string[]> {
  return (await Deno.readTextFile(memory)).split("\n").filter((name) => /^[^\s"/]+$/.test(name));
}

const links = z.array(z.object({
  ifname: z.string(),
  linkinfo: z.optional(z.object({ info_kind: z.optional(z.string()) })),
}));

/** Interfaces of the host, without nixbox's own and the loopback. */
async function interfaces(
  host: Host,
): Promise<readonly { readonly name: string; readonly kind: string }[]> {
  const ip = await host.which("ip") ?? "ip";
  const { stdout } = await run([ip, "-json", "-details", "link", "show"], { timeoutMs: toolMs });
  const found = links.safeParse(parseJson(stdout));
  if (!found.success) throw new NixboxError("this host's interfaces cannot be read");
  return found.data
    .map(({ ifname, linkinfo }) => ({ name: ifname, kind: linkinfo?.info_kind ?? "" }))
    .filter(({ name }) => name !== "lo" && !/^nbx\d+$/.test(name));
}
