import { dnsRequestRefusals } from "./dns_request_rules.ts";
import { isNameAllowed, type NetworkPolicy } from "../policy/policy.ts";

/** Something that a guest asked for and did not get. */
export interface Refusal {
  /** Milliseconds since 1970: the last time. */
  readonly time: number;
  /** How often it is known to have been asked for. */
  readonly count: number;
  /** A name, or an address; with port and protocol where there are such. */
  readonly asked: string;
  /** Why it was refused. */
  readonly reason: string;
  /** The line of the config that would allow it; absent where none would. */
  readonly allow?: string;
}

/** Why the firewall refused: the set that remembers it. */
export type RefusedBy =
  | "host"
  | "machine"
  | "private"
  | "address"
  | "other"
  | "ipv6"
  | "length"
  | "quota"
  | "rate";

/** An address that the firewall refused. */
export interface RefusedAddress {
  readonly by: RefusedBy;
  readonly address: string;
  /** tcp, udp, or another protocol's name or number. */
  readonly protocol: string;
  readonly port?: number;
  readonly count: number;
  readonly time: number;
}

/** A name that was asked for, in DNS or in a connection, and refused. */
export interface RefusedName {
  readonly time: number;
  readonly name: string;
  readonly how: "dns" | "rebinding" | "tls" | "http";
  /** Of a connection: where it was going, and what was wrong with it. */
  readonly address?: string;
  readonly problem?: string;
}

/** Tells of a refused address what to do about it. `names` are those that led there. */
export function refusalOfAddress(
  refused: RefusedAddress,
  policy: NetworkPolicy,
  names: readonly string[],
): Refusal {
  const { time, count, address, protocol, port } = refused;
  const place = port === undefined ? `${address} ${protocol}` : `${address} ${protocol}/${port}`;
  const asked = names.length === 0 ? place : `${place} (${few(names)})`;
  return { time, count, asked, ...explain(refused, policy, names) };
}

/** Of many names the first two, and how many more there are. */
function few(names: readonly string[]): string {
  const more = names.length - 2;
  return names.slice(0, 2).join(", ") + (more > 0 ? ` and ${more} more` : "");
}

function explain(
  { by, address, protocol, port }: RefusedAddress,
  policy: NetworkPolicy,
  names: readonly string[],
): Pick<Refusal, "reason" | "allow"> {
  if (by === "length" || by === "quota" || by === "rate") return { reason: dnsRequestRefusals[by] };
  if (by === "machine") return { reason: "other machines are out of reach" };
  if (by === "ipv6") return { reason: "machines have no IPv6" };
  if (policy.mode === "off") {
    return { reason: "the network is off", allow: 'network.mode = "filtered";' };
  }
  if (by === "host") {
    return {
      reason: "a service of this host",
      ...(protocol === "tcp" ? { allow: `network.allowHost = [ ${port} ];` } : {}),
    };
  }
  if (by === "private") {
    return { reason: "a private address", allow: `network.allowPrivate = [ "${address}/32" ];` };
  }
  if (protocol !== "tcp" || port === undefined) {
    return {
      reason: "only TCP passes in mode filtered",
      allow: 'network.mode = "open";',
    };
  }
  const isPortAllowed = policy.ports.includes(port);
  if (names.length > 0 && !isPortAllowed) {
    return { reason: "a port that is not in network.ports", allow: `network.ports = [ ${port} ];` };
  }
  return {
    reason: "no allowed name has led to this address",
    allow: `network.domains = [ "its name" ];${
      isPortAllowed ? "" : ` network.ports = [ ${port} ];`
    }`,
  };
}

const problems: Readonly<Record<string, string>> = {
  "?nameless": "TLS without a server name",
  "?encrypted": "TLS that hides its server name (ECH)",
  "?unreadable": "TLS whose first message cannot be read",
  "retry": "TLS that names another site when the server asks for its first message again",
  "no-tls": "a connection to port 443 that is not TLS",
  "unresolved": "the name has no address that may be reached",
  "long": "a name that is too long to be asked for",
  "unreachable": "no address of the name answers",
  "method": "a request that is not plain HTTP to one host",
};

/** Tells of refused names, those that are alike as one. */
export function refusalsOfNames(
  names: readonly RefusedName[],
  policy: NetworkPolicy,
): Refusal[] {
  const found = new Map<string, Refusal>();
  for (const refused of names) {
    const one = refusalOfName(refused, policy);
    const key = `${one.asked}\n${one.reason}`;
    const earlier = found.get(key);
    found.set(key, {
      ...one,
      count: (earlier?.count ?? 0) + 1,
      time: Math.max(one.time, earlier?.time ?? 0),
    });
  }
  return [...found.values()];
}

function refusalOfName(refused: RefusedName, policy: NetworkPolicy): Refusal {
  const { time, name, how, address, problem = "" } = refused;
  const base = { time, count: 1 };
  if (how === "rebinding") {
    return {
      ...base,
      asked: name,
      reason: "an allowed name that leads to a private address",
      allow: 'network.allowPrivate = [ "its range" ];',
    };
  }
  const place = how === "dns" ? "" : ` (${how === "tls" ? "TLS" : "HTTP"} to ${address})`;
  const known = problems[problem];
  if (known !== undefined) {
    const asked = ["unresolved", "unreachable", "long"].includes(problem)
      ? `${name}${place}`
      : `${address} tcp/443`;
    return { ...base, asked, reason: known };
  }
  if (isNameAllowed(policy, name)) {
    return { ...base, asked: `${name}${place}`, reason: "refused before it was allowed" };
  }
  if (!/^[a-z0-9_-]+(\.[a-z0-9_-]+)+$/.test(name) || /^[\d.]+$/.test(name)) {
    return { ...base, asked: `${name}${place}`, reason: "not a domain's name" };
  }
  const allow = `network.domains = [ "${name}" ];`;
  return { ...base, asked: `${name}${place}`, reason: "not in network.domains", allow };
}
