import * as z from "../base/zod.ts";
import type { Host } from "../host/host.ts";
import { containsRange, formatIpv4, parseIpv4Range, startOf } from "../base/ipv4.ts";
import { parseJson } from "../base/json.ts";
import { run, toolMs } from "../host/process/run.ts";
import { NixboxError } from "../base/error.ts";

/** What a host has of IPv4 now. */
export interface HostNetwork {
  /** Its own addresses, without those of the links to machines. */
  readonly addresses: readonly string[];
  /** Networks that it is in, as ADDRESS/LENGTH: its neighbours are no more public than it is. */
  readonly subnets: readonly string[];
  /** Everything but the default route that it has a route to. */
  readonly routes: readonly string[];
}

const links = z.array(z.object({
  ifname: z.optional(z.string()),
  addr_info: z.optional(z.array(z.object({
    family: z.string(),
    local: z.optional(z.string()),
    address: z.optional(z.string()),
    prefixlen: z.number(),
  }))),
}));

const routes = z.array(z.object({ dst: z.string(), dev: z.optional(z.string()) }));

/** Interfaces of nixbox's own. */
function isOurs(name: string | undefined): boolean {
  return /^nbx\d+$/.test(name ?? "");
}

/**
 * Asks the kernel (ip-address(8), ip-route(8)) which addresses and networks this host has.
 *
 * @throws {NixboxError} if that cannot be read: nothing is let out then.
 */
export async function hostNetwork(host: Pick<Host, "which">): Promise<HostNetwork> {
  const ip = await host.which("ip") ?? "ip";
  const [addresses, routes] = await Promise.all([
    run([ip, "-json", "-4", "address", "show"], { timeoutMs: toolMs }),
    run([ip, "-json", "-4", "route", "show", "table", "all"], { timeoutMs: toolMs }),
  ]);
  return parseHostNetwork(addresses.stdout, routes.stdout);
}

/** Reads what `ip -json` prints. @throws {NixboxError} if it is something else. */
export function parseHostNetwork(addressText: string, routeText: string): HostNetwork {
  const found = links.safeParse(parseJson(addressText));
  const ways = routes.safeParse(parseJson(routeText || "[]"));
  if (!found.success || !ways.success) {
    throw new NixboxError("this host's addresses cannot be read", {
      hint: "`ip -json -4 address show` and `ip -json -4 route show table all` must print JSON",
    });
  }
  const theirs = found.data.filter(({ ifname }) => !isOurs(ifname));
  const all = theirs.flatMap(({ addr_info = [] }) => addr_info);
  const outer = theirs.filter(({ ifname }) => ifname !== "lo")
    .flatMap(({ addr_info = [] }) => addr_info);
  return {
    addresses: unique(all.flatMap(({ local }) => local === undefined ? [] : [local])),
    subnets: unique(
      outer.flatMap(({ local, address, prefixlen }) =>
        network(`${address ?? local ?? ""}/${prefixlen}`)
      ),
    ),
    routes: unique(
      ways.data.filter(({ dev, dst }) => !isOurs(dev) && dst !== "default")
        .flatMap(({ dst }) => network(dst)),
    ),
  };
}

/** The network of an address, without host bits; empty for what is not one. */
function network(text: string): string[] {
  const range = parseIpv4Range(text);
  return range === undefined || range.prefixLength === 0
    ? []
    : [`${formatIpv4(startOf(range))}/${range.prefixLength}`];
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted();
}

/** Whether two ranges have an address in common; both as text. */
export function overlaps(one: string, other: string): boolean {
  const [a, b] = [parseIpv4Range(one), parseIpv4Range(other)];
  return a !== undefined && b !== undefined && (containsRange(a, b) || containsRange(b, a));
}
