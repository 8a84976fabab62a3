import type { Config, NetworkMode } from "../../config/config.ts";

/** What one guest may reach: plain data, kept in the machine's record while it runs. */
export interface NetworkPolicy {
  /** What each mode means is in docs/network.md. */
  readonly mode: NetworkMode;
  /** `filtered`: these names and what is under them; `*.x` is only what is under x. */
  readonly domains: readonly string[];
  /** Names taken out again while the machine runs, in the same form; the longer match wins. */
  readonly denied: readonly string[];
  /** `filtered`: TCP ports that may be reached. */
  readonly ports: readonly number[];
  /** `filtered`: whether the name in TLS and HTTP is looked at too, on 443 and 80. */
  readonly inspect: boolean;
  /** TCP ports of the host's own services that the guest may reach. */
  readonly allowHost: readonly number[];
  /** Private ranges that the guest may reach, in CIDR notation. */
  readonly allowPrivate: readonly string[];
  /** Upstream resolvers. */
  readonly resolvers: readonly string[];
  /** Whether those are the host's own, which may change. */
  readonly followsHost?: boolean | undefined;
}

/** The policy that a config asks for, with the resolvers that this host uses. */
export function policyOf(
  network: Config["network"],
  resolvers: readonly string[],
): NetworkPolicy {
  const { mode, domains, ports, inspect, allowHost, allowPrivate } = network;
  return { mode, domains, denied: [], ports, inspect, allowHost, allowPrivate, resolvers };
}

/** Ports whose connections say the name that they are for. */
const inspectedPorts = { tls: 443, http: 80 } as const;

/** The ports on which names are looked at under this policy. */
export function inspected(
  policy: NetworkPolicy,
): { readonly tls: boolean; readonly http: boolean } {
  const isOn = policy.mode === "filtered" && policy.inspect;
  return {
    tls: isOn && policy.ports.includes(inspectedPorts.tls),
    http: isOn && policy.ports.includes(inspectedPorts.http),
  };
}

/** Whether any connection is looked into, so that an inspector must run. */
export function needsInspector(policy: NetworkPolicy): boolean {
  const { tls, http } = inspected(policy);
  return tls || http;
}

/** The ports that are passed by their address alone. */
export function plainPorts(policy: NetworkPolicy): readonly number[] {
  const { tls, http } = inspected(policy);
  return policy.ports.filter((port) =>
    !(tls && port === inspectedPorts.tls) && !(http && port === inspectedPorts.http)
  );
}

/** A pattern of the policy, and what it says of the names that it fits. */
export interface NameRule {
  /** Without `*.`. */
  readonly name: string;
  /** Whether it fits only what is under `name`. */
  readonly isBelowOnly: boolean;
  readonly verdict: "allow" | "deny";
}

/** The policy's rules on names, the one that decides first: longer names, then exclusions, go first. */
export function nameRules(policy: Pick<NetworkPolicy, "domains" | "denied">): NameRule[] {
  const rule = (text: string, verdict: NameRule["verdict"]): NameRule => {
    const isBelowOnly = text.startsWith("*.");
    return { name: isBelowOnly ? text.slice(2) : text, isBelowOnly, verdict };
  };
  return [
    ...policy.denied.map((text) => rule(text, "deny")),
    ...policy.domains.map((text) => rule(text, "allow")),
  ].toSorted((a, b) => b.name.length - a.name.length);
}

/** Whether a name, in lower case and without a trailing dot, may be reached in `filtered`. */
export function isNameAllowed(
  policy: Pick<NetworkPolicy, "domains" | "denied">,
  name: string,
): boolean {
  const first = nameRules(policy).find((rule) =>
    name.endsWith(`.${rule.name}`) || (name === rule.name && !rule.isBelowOnly)
  );
  return first?.verdict === "allow";
}
