import type { Host } from "../host/host.ts";
import { runAsRoot } from "../host/as_root.ts";

/**
 * Docker gives the host's FORWARD chain a drop policy and leaves the chain DOCKER-USER for others
 * to accept what they need (Docker, "Packet filtering and firewalls"). A slot's own table has
 * decided before: what comes here is what it let pass.
 */
const chain = "DOCKER-USER";

/** The rules of one tap, as arguments of iptables after its command. */
function rulesOf(tap: string): readonly (readonly string[])[] {
  const replies = ["-m", "conntrack", "--ctstate", "RELATED,ESTABLISHED"];
  return [["-i", tap, "-j", "ACCEPT"], ["-o", tap, ...replies, "-j", "ACCEPT"]];
}

async function iptables(host: Host, ...args: readonly string[]) {
  return await runAsRoot(host, ["iptables", "--wait", ...args], undefined, { accept: "any" });
}

/** The chain's rules as `iptables -S` prints them; `undefined` where there is no such chain. */
async function chainRules(host: Host): Promise<readonly string[] | undefined> {
  if (await host.which("iptables") === undefined) return undefined;
  const { code, stdout } = await iptables(host, "-S", chain);
  return code === 0 ? stdout.split("\n") : undefined;
}

/** Lets a tap's traffic pass where Docker would drop it; does nothing without Docker. */
export async function passDocker(host: Host, tap: string): Promise<void> {
  const rules = await chainRules(host);
  if (rules === undefined) return;
  for (const rule of rulesOf(tap)) {
    const isThere = (await iptables(host, "-C", chain, ...rule)).code === 0;
    if (!isThere) await runAsRoot(host, ["iptables", "--wait", "-I", chain, ...rule]);
  }
}

/** Takes a tap's rules away again, each as often as it is there. */
export async function unpassDocker(host: Host, tap: string): Promise<void> {
  for (const line of await chainRules(host) ?? []) {
    if (tapOf(line) !== tap) continue;
    await iptables(host, "-D", ...line.split(" ").slice(1));
  }
}

/** Taps of nixbox that the chain has rules for. */
export async function tapsInDocker(host: Host): Promise<readonly string[]> {
  const taps = (await chainRules(host) ?? []).map(tapOf).filter((tap) => tap !== undefined);
  return [...new Set(taps)];
}

/** The tap that a rule of ours is about, by the line that iptables prints for it. */
function tapOf(line: string): string | undefined {
  return /^-A DOCKER-USER (?:-i|-o) (nbx\d+) /.exec(line)?.[1];
}
