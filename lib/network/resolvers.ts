import { NixboxError } from "../base/error.ts";
import { readTextIfExists } from "../host/files/files.ts";

/**
 * The resolvers that the guest's names are asked of: the config's, else the host's own. Where the
 * host uses systemd-resolved's stub, these are the real servers behind it, since the stub listens
 * on the loopback interface only and answers for more than the guest should ask. They are asked from
 * the machine's network namespace, over IPv4.
 *
 * @throws {NixboxError} if there is none.
 */
export async function upstreamResolvers(
  configured: readonly string[],
  readFile = readTextIfExists,
): Promise<readonly string[]> {
  if (configured.length > 0) return configured;
  const files = [
    "/run/systemd/resolve/resolv.conf",
    "/run/NetworkManager/no-stub-resolv.conf",
    "/etc/resolv.conf",
  ];
  for (const file of files) {
    const servers = parseResolvConf(await readFile(file) ?? "");
    if (servers.length > 0) return servers;
  }
  throw new NixboxError("the host names no DNS resolver that a machine could ask", {
    where: files.join(", "),
    hint: "one on 127.0.0.1 or with an IPv6 address is out of a machine's reach: " +
      'set one in .nixbox/config.nix: network.dns = [ "ADDRESS" ];',
  });
}

/** The `nameserver` addresses of a resolv.conf(5) that can be asked from a namespace without IPv6. */
export function parseResolvConf(text: string): string[] {
  return text.split("\n")
    .map((line) => /^\s*nameserver\s+(\d+\.\d+\.\d+\.\d+)\s*$/.exec(line)?.[1])
    .filter((address) => address !== undefined)
    .filter((address) => !address.startsWith("127."));
}
