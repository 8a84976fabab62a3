import { lookup } from "node:dns/promises";
import { within } from "../../base/wait.ts";

/** Gives the addresses of a name, IPv4 first; none if it has none. */
export type Resolve = (name: string, servers: readonly string[]) => Promise<readonly string[]>;

/**
 * Asks the OS, as every program here does: on macOS that honours VPNs and resolvers for single
 * domains, which /etc/resolv.conf does not tell of. With servers, asks those and nobody else.
 */
export const resolveName: Resolve = async (name, servers) => {
  const [server] = servers;
  try {
    if (server === undefined) {
      const found = await within(lookupMs, lookup(name, { all: true }));
      return found === "late" ? [] : byFamily(found.map(({ address }) => address));
    }
    return await askServers(name, servers);
  } catch {
    return [];
  }
};

/** The OS' own time limit is longer than a client would wait. */
const lookupMs = 15_000;

/** The first server that answers both questions decides, as in resolv.conf(5). */
async function askServers(name: string, servers: readonly string[]): Promise<readonly string[]> {
  for (const ipAddr of servers) {
    const options = { nameServer: { ipAddr, port: 53 }, signal: AbortSignal.timeout(3000) };
    const answers = await Promise.allSettled([
      // A whole name: nothing is appended to it.
      Deno.resolveDns(`${name}.`, "A", options),
      Deno.resolveDns(`${name}.`, "AAAA", options),
    ]);
    const found = answers.flatMap((answer) => answer.status === "fulfilled" ? answer.value : []);
    const isAnswered = answers.every((answer) =>
      answer.status === "fulfilled" || answer.reason instanceof Deno.errors.NotFound
    );
    if (isAnswered || found.length > 0) return byFamily(found);
  }
  return [];
}

/** Most hosts without working IPv6 have it half. */
function byFamily(addresses: readonly string[]): readonly string[] {
  return addresses.toSorted((a, b) => Number(a.includes(":")) - Number(b.includes(":")));
}
