import type { Host } from "../host/host.ts";
import { runAsRoot } from "../host/root/as_root.ts";
import { NixboxError } from "../base/error.ts";
import { lastLines } from "../host/process/run.ts";

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

/** What iptables says, by either backend, where there is no chain or no table for one. */
const noChain =
  /No chain\/target\/match|does not exist|do you need to insmod|incompatible|not supported/;

/**
 * The chain's rules as `iptables -S` prints them; `undefined` where there is no such chain.
 *
 * @throws {NixboxError} if it is not known whether there is one.
 */
async function chainRules(host: Host): Promise<readonly string[] | undefined> {
  if (await host.which("iptables") === undefined) return undefined;
  const { code, stdout, stderr } = await iptables(host, "-S", chain);
  if (code === 0) return stdout.split("\n");
  if (noChain.test(stderr)) return undefined;
  throw notRead(stderr);
}

function notRead(stderr: string): NixboxError {
  return new NixboxError(`iptables does not tell or change the rules of ${chain}`, {
    hint: `try \`sudo iptables -S ${chain}\``,
    log: lastLines(stderr, 4),
  });
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
    const { code, stderr } = await iptables(host, "-D", ...line.split(" ").slice(1));
    // Somebody else may have emptied the chain meanwhile.
    if (code !== 0 && !/matching rule/.test(stderr) && !noChain.test(stderr)) throw notRead(stderr);
  }
}

/** Taps of nixbox that the chain has rules for; none where iptables does not tell. */
export async function tapsInDocker(host: Host): Promise<readonly string[]> {
  const rules = await chainRules(host).catch(() => undefined);
  const taps = (rules ?? []).map(tapOf).filter((tap) => tap !== undefined);
  return [...new Set(taps)];
}

/** The tap that a rule of nixbox is about, by the line that iptables prints for it. */
function tapOf(line: string): string | undefined {
  return /^-A DOCKER-USER (?:-i|-o) (nbx\d+) /.exec(line)?.[1];
}
