import type { SlotAddresses } from "../policy/addresses.ts";
import { inspected, nameRules, type NetworkPolicy } from "../policy/policy.ts";

/** What one slot's inspector (HAProxy) has to itself. */
export interface InspectorPlace {
  /**
   * It runs as a user that nobody is: so the firewall can hold it, too, to what its guest may
   * reach. Above the users of containers and below 2^31 (systemd, UIDS-GIDS: unused).
   */
  readonly uid: number;
  /** Where connections to port 443 are sent, on the gateway's address. */
  readonly tlsPort: number;
  /** Where connections to port 80 are sent. */
  readonly httpPort: number;
}

/** Below the ports that the kernel gives to clients (ip_local_port_range), and seldom in use. */
const ports = { tlsPort: 27443, httpPort: 27080 } as const;

export function inspectorOf(slot: Pick<SlotAddresses, "slot">): InspectorPlace {
  return { uid: 1879048192 + slot.slot, ...ports };
}

/** Files of one slot's inspector, in the slot's directory. */
export interface InspectorPaths {
  /** HAProxy's config. */
  readonly config: string;
  /** Patterns of names with `allow` or `deny`, the one that decides first. */
  readonly names: string;
  /** The reader of TLS's first message, and what else it runs, in Lua. */
  readonly clientHello: string;
  /** Connections that it refused. */
  readonly log: string;
  /** Empty: what the inspector sees as the root of all files. */
  readonly jail: string;
}

export function inspectorPaths(directory: string): InspectorPaths {
  return {
    config: `${directory}/inspector.cfg`,
    names: `${directory}/names.map`,
    clientHello: `${directory}/client_hello.lua`,
    log: `${directory}/inspector.log`,
    jail: `${directory}/jail`,
  };
}

/** HAProxy's map file: a regular expression and a verdict on each line; the first that fits counts. */
export function inspectorNames(policy: NetworkPolicy): string {
  return nameRules(policy).map(({ name, isBelowOnly, verdict }) => {
    const pattern = name.replaceAll(".", "\\.");
    // Labels only: a Host header may hold anything before them.
    return `^([a-z0-9_-]+\\.)${isBelowOnly ? "+" : "*"}${pattern}$ ${verdict}\n`;
  }).join("");
}

/**
 * HAProxy's config for one slot. Whatever address the guest chose, a connection goes to the address
 * that the name in it resolves to, by the slot's own dnsmasq, so that name and address are of one
 * piece; the firewall holds HAProxy's user to the addresses of allowed names besides.
 */
export function inspectorConfig(
  slot: SlotAddresses,
  paths: InspectorPaths,
  policy: NetworkPolicy,
): string {
  const { tls, http } = inspected(policy);
  const { uid } = inspectorOf(slot);
  return `global
  lua-load ${paths.clientHello}
  log stdout format raw local0
  uid ${uid}
  gid ${uid}
  chroot ${paths.jail}
  nbthread 1
  maxconn 2000

defaults
  log global
  option dontlognull
  option splice-auto
  option clitcpka
  option srvtcpka
  retries 0
  timeout connect 10s
  timeout http-request 10s
  timeout client 12h
  timeout server 12h
  timeout tunnel 12h
${tls ? tlsSections(slot, paths) : ""}${http ? httpSections(slot, paths) : ""}`;
}

function tlsSections(slot: SlotAddresses, paths: InspectorPaths): string {
  return `
frontend tls
  mode tcp
  bind ${slot.gateway}:${ports.tlsPort}
  filter lua.one_name
  log-format "%Ts\\ttls\\t%[var(sess.name)]\\t%[dst]\\t%[var(sess.problem)]"
  tcp-request inspect-delay 30s
  tcp-request content set-var(sess.problem) str(no-tls)
  tcp-request content reject if !{ req.ssl_hello_type 1 }
  tcp-request content set-var(sess.name) lua.client_hello
  tcp-request content set-var(sess.problem) var(sess.name)
  tcp-request content reject if { var(sess.name) -m beg ? }
  tcp-request content set-var(sess.problem) str(name)
  tcp-request content reject unless { var(sess.name),map_reg(${paths.names}) allow }
  tcp-request content lua.reach sess 443
  tcp-request content reject unless { var(sess.target) -m found }
  tcp-request content set-dst var(sess.target)
  tcp-request content set-dst-port int(443)
  tcp-request content unset-var(sess.problem)
  tcp-request content set-log-level silent
  default_backend tls_origin

backend tls_origin
  mode tcp
  server origin 0.0.0.0:0
`;
}

function httpSections(slot: SlotAddresses, paths: InspectorPaths): string {
  return `
frontend http
  mode http
  bind ${slot.gateway}:${ports.httpPort} proto h1
  log-format "%Ts\\thttp\\t%[var(txn.name)]\\t%[dst]\\t%[var(txn.problem)]"
  http-request set-var(txn.name) req.hdr(host),field(1,:),lower,regsub(\\.$,)
  http-request set-var(txn.problem) str(name)
  http-request return status 403 content-type text/plain lf-string "nixbox: %[var(txn.name)] is not in network.domains\\n" unless { var(txn.name),map_reg(${paths.names}) allow }
  http-request set-var(txn.problem) str(method)
  http-request return status 403 content-type text/plain string "nixbox: not through here\\n" if { method CONNECT } or { req.hdr_cnt(host) gt 1 }
  http-request del-header Upgrade if { req.hdr(Upgrade) -m sub -i h2c }
  http-request lua.reach txn 80
  http-request return status 502 content-type text/plain lf-string "nixbox: %[var(txn.name)] has no address that answers\\n" unless { var(txn.target) -m found }
  http-request set-dst var(txn.target)
  http-request set-dst-port int(80)
  http-request unset-var(txn.problem)
  http-request set-log-level silent
  default_backend http_origin

backend http_origin
  mode http
  http-reuse never
  server origin 0.0.0.0:0
`;
}
