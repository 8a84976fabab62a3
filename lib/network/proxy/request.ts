/** What the guest's client asks of the proxy: a tunnel, or one plain request. */
export type ProxyRequest =
  | { readonly kind: "tunnel"; readonly host: string; readonly port: number }
  | {
    readonly kind: "plain";
    readonly host: string;
    readonly port: number;
    /** The head to send on: in origin form, for this host, on its own connection. */
    readonly head: string;
    readonly body: RequestBody;
  };

/** How the body that follows a head ends (RFC 9112, section 6). */
export type RequestBody =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly bytes: number }
  | { readonly kind: "chunked" };

/** A head that is not a request which this proxy takes. */
export interface Malformed {
  readonly kind: "malformed";
  /** The status of the answer. */
  readonly status: 400 | 405 | 414 | 501;
  /** What is wrong, for people. */
  readonly reason: string;
}

/** Field lines that are for this connection alone (RFC 9110, section 7.6.1) or for a proxy. */
const hopByHop = new Set([
  ...["connection", "proxy-connection", "keep-alive", "te", "trailer", "upgrade", "host"],
  ...["proxy-authorization", "proxy-authenticate", "proxy-authentication-info", "expect"],
  ...["transfer-encoding", "content-length", "http2-settings", "via", "forwarded"],
]);

/** RFC 9110, section 5.6.2. */
const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Reads the head of an HTTP/1.1 request to a proxy (RFC 9112, sections 3.2.2 and 3.2.3). What could be
 * read in two ways is refused, so that this proxy and the server cannot differ on where a request
 * ends, or for whom it is.
 *
 * @param head Each byte one character, up to and without the empty line.
 */
export function parseProxyRequest(head: string): ProxyRequest | Malformed {
  // deno-lint-ignore no-control-regex -- control characters are what is looked for
  if (/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/.test(head) || /\r(?!\n)|(?<!\r)\n/.test(head)) {
    return malformed(400, "a control character, or a line that does not end with CR and LF");
  }
  const [line = "", ...fieldLines] = head.split("\r\n");
  const [, method, target, version] = /^(\S+) (\S+) (HTTP\/\d\.\d)$/.exec(line) ?? [];
  if (method === undefined || target === undefined || !token.test(method)) {
    return malformed(400, "the first line is not a request");
  }
  if (version !== "HTTP/1.1" && version !== "HTTP/1.0") {
    return malformed(400, `${version} is not spoken here`);
  }
  const fields = parseFields(fieldLines);
  if ("reason" in fields) return fields;
  if (method === "CONNECT") return tunnel(target);
  return plain(method, target, fields.fields);
}

interface Field {
  readonly name: string;
  readonly lower: string;
  readonly value: string;
}

function parseFields(lines: readonly string[]): { fields: readonly Field[] } | Malformed {
  const fields: Field[] = [];
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon);
    // A continued line begins with a blank; a blank before the colon hides a name.
    if (colon < 1 || !token.test(name)) return malformed(400, "a line that is not a header");
    fields.push({ name, lower: name.toLowerCase(), value: line.slice(colon + 1).trim() });
  }
  return { fields };
}

function tunnel(target: string): ProxyRequest | Malformed {
  const place = parsePlace(target);
  if (place?.port === undefined) return malformed(400, "CONNECT wants HOST:PORT");
  return { kind: "tunnel", host: place.host, port: place.port };
}

function plain(method: string, target: string, fields: readonly Field[]): ProxyRequest | Malformed {
  if (method === "TRACE") return malformed(405, "TRACE goes no further");
  const [, authority, path = ""] = /^http:\/\/([^/?#]*)([/?].*)?$/i.exec(target) ?? [];
  if (authority === undefined) {
    return /^https:/i.test(target)
      ? malformed(400, "https goes by CONNECT")
      : malformed(400, "a proxy wants CONNECT, or a whole http address");
  }
  if (target.includes("#") || /[^\x21-\x7e]/.test(target)) {
    return malformed(400, "the address has characters that must be escaped");
  }
  const place = parsePlace(authority);
  if (place === undefined) return malformed(400, "the address has no plain host");
  const hosts = fields.filter(({ lower }) => lower === "host");
  if (hosts.length > 1) return malformed(400, "several Host headers");
  const named = hosts[0] === undefined ? undefined : parsePlace(hosts[0].value);
  if (hosts[0] !== undefined && named?.host !== place.host) {
    return malformed(400, "the Host header names another host than the address");
  }
  const body = bodyOf(fields);
  if (body.kind === "malformed") return body;
  const port = place.port ?? 80;
  const origin = path.startsWith("/") ? path : `/${path}`;
  const head = originHead(method, origin, place.host, port, fields, body);
  return { kind: "plain", host: place.host, port, head, body };
}

/** A host as it was written, in lower case, and a port; no user, no brackets, nothing escaped. */
function parsePlace(text: string): { host: string; port: number | undefined } | undefined {
  const [, host, port] = /^([A-Za-z0-9._-]{1,255}|\[[0-9A-Fa-f:.%]{1,64}\])(?::(\d{1,5}))?$/
    .exec(text) ?? [];
  if (host === undefined) return undefined;
  const number = port === undefined ? undefined : Number(port);
  if (number !== undefined && (number < 1 || number > 65535)) return undefined;
  return { host: host.toLowerCase().replace(/\.$/, ""), port: number };
}

function bodyOf(fields: readonly Field[]): RequestBody | Malformed {
  const lengths = fields.filter(({ lower }) => lower === "content-length");
  const codings = fields.filter(({ lower }) => lower === "transfer-encoding");
  if (codings.length > 0) {
    if (lengths.length > 0) return malformed(400, "both Content-Length and Transfer-Encoding");
    if (codings.length > 1 || codings[0]?.value.toLowerCase() !== "chunked") {
      return malformed(501, "a Transfer-Encoding other than chunked");
    }
    return { kind: "chunked" };
  }
  const [length, ...more] = lengths;
  if (length === undefined) return { kind: "none" };
  if (more.length > 0 || !/^\d{1,15}$/.test(length.value)) {
    return malformed(400, "a Content-Length that is not a number, or several");
  }
  const bytes = Number(length.value);
  return bytes === 0 ? { kind: "none" } : { kind: "length", bytes };
}

function originHead(
  method: string,
  path: string,
  host: string,
  port: number,
  fields: readonly Field[],
  body: RequestBody,
): string {
  // What a Connection header names is for this connection only, too.
  const own = new Set(
    fields.filter(({ lower }) => lower === "connection")
      .flatMap(({ value }) => value.toLowerCase().split(",").map((name) => name.trim())),
  );
  const kept = fields.filter(({ lower }) => !hopByHop.has(lower) && !own.has(lower));
  return [
    `${method} ${path} HTTP/1.1`,
    `Host: ${port === 80 ? host : `${host}:${port}`}`,
    ...kept.map(({ name, value }) => `${name}: ${value}`),
    ...(body.kind === "length" ? [`Content-Length: ${body.bytes}`] : []),
    ...(body.kind === "chunked" ? ["Transfer-Encoding: chunked"] : []),
    // One request a connection: what follows it is never sent on.
    "Connection: close",
    "",
    "",
  ].join("\r\n");
}

function malformed(status: Malformed["status"], reason: string): Malformed {
  return { kind: "malformed", status, reason };
}
