import { NixboxError } from "../host/error.ts";
import { readTextIfExists } from "../host/files.ts";

/**
 * The resolvers that the guest's names are asked of: the config's, else the host's own. Where the
 * host uses systemd-resolved's stub, these are the real servers behind it, since the stub listens
 * on the loopback interface only and answers for more than the guest should ask.
 *
 * @throws {NixboxError} if there is none.
 */
export async function upstreamResolvers(
  configured: readonly string[],
  readFile = readTextIfExists,
): Promise<readonly string[]> {
  if (configured.length > 0) return configured;
  const files = ["/run/systemd/resolve/resolv.conf", "/etc/resolv.conf"];
  for (const file of files) {
    const servers = parseResolvConf(await readFile(file) ?? "");
    if (servers.length > 0) return servers;
  }
  throw new NixboxError("the host names no DNS resolver that a guest could use", {
    where: "/etc/resolv.conf",
    hint: 'set one in .nixbox/config.nix: network.dns = [ "ADDRESS" ];',
  });
}

/** The usable `nameserver` addresses of a resolv.conf(5): without systemd-resolved's stubs and zones. */
export function parseResolvConf(text: string): string[] {
  return text.split("\n")
    .map((line) => /^\s*nameserver\s+([0-9a-fA-F.:]+)(?:%\S+)?\s*$/.exec(line)?.[1])
    .filter((address) => address !== undefined)
    .filter((address) => !address.startsWith("127.0.0.5") && !address.startsWith("fe80:"));
}
