/**
 * A million heads and a quarter of a million first messages of TLS, made by breaking good ones. What
 * a parser takes must hold what the proxy rests on, and no other reader may see another host in it.
 */
import assert from "node:assert/strict";
import { readHelloName } from "../../../../lib/network/proxy/client_hello.ts";
import { parseProxyRequest, type ProxyRequest } from "../../../../lib/network/proxy/request.ts";
import { clientHello, madeHello, serverName } from "./hello.ts";

/** A generator that gives the same for the same seed (mulberry32), so that a failure can be repeated. */
function numbersFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor(((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296 * below);
  };
}

const seed = Number(Deno.env.get("NIXBOX_FUZZ_SEED") ?? Date.now() % 2 ** 31);

const heads = [
  "CONNECT allowed.test:443 HTTP/1.1\r\nHost: allowed.test:443",
  "GET http://allowed.test/a?b=c HTTP/1.1\r\nHost: allowed.test\r\nAccept: */*",
  "POST http://allowed.test:8080/ HTTP/1.1\r\nHost: allowed.test:8080\r\nContent-Length: 12",
  "PUT http://a.b/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive, x",
];

/** Pieces that parsers have stumbled over. */
const pieces = [
  ...["\r\n", "\n", "\r", "\0", " ", "\t", "\x0b", "\x85", "\xa0", "\xff", ":", "//", "/", "\\"],
  ...["@", "#", "?", "%", "%00", "%0d%0a", ".", "..", "[", "]", "[::1]", "127.0.0.1", "0x7f.1"],
  ...["evil.test", "http://evil.test/", "HTTP/1.1", " HTTP/1.1\r\n", "GET ", "CONNECT "],
  ...["Host: evil.test", "\r\nHost: evil.test", "\r\nhost:evil.test", "\r\nHost : evil.test"],
  ...["\r\nContent-Length: 3", "\r\nContent-Length: 0x3", "\r\nTransfer-Encoding: chunked"],
  ...[
    "\r\nTransfer-Encoding: \x0bchunked",
    "\r\n folded",
    "\r\n\r\n",
    ":443",
    ":0",
    ":99999",
    ",",
    ";",
  ],
];

function broken(text: string, random: (below: number) => number): string {
  let result = text;
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(result.length + 1);
    const piece = pieces[random(pieces.length)] ?? "";
    const cut = random(3) === 0 ? random(12) : 0;
    const put = random(4) === 0 ? String.fromCharCode(random(256)) : piece;
    result = result.slice(0, at) + (random(5) === 0 ? "" : put) + result.slice(at + cut);
  }
  return result;
}

/** What the proxy sends on, and dials, rests on this. */
function requireSound(head: string, request: ProxyRequest): void {
  const isPlainHost = /^[a-z0-9._-]{0,255}$/.test(request.host) ||
    /^\[[0-9a-f:.%]+\]$/.test(request.host);
  assert.ok(isPlainHost, "the host has other characters");
  assert.ok(Number.isInteger(request.port) && request.port > 0 && request.port < 65536, "the port");
  if (request.kind === "tunnel") return;
  const lines = request.head.split("\r\n");
  assert.deepEqual(lines.slice(-2), ["", ""], "it does not end with one empty line");
  for (const line of lines.slice(0, -2)) {
    // deno-lint-ignore no-control-regex -- control characters are what is looked for
    assert.doesNotMatch(line, /^$|[\x00-\x08\x0a-\x1f\x7f]/);
  }
  assert.match(lines[0] ?? "", /^[!-~]+ \/[\x21-\x7e]* HTTP\/1\.1$/);
  const fields = lines.slice(1, -2).map((line) => /^([!-9;-~]+): ([^]*)$/.exec(line) ?? []);
  const valuesOf = (name: string) =>
    fields.flatMap(([, field, value]) => field?.toLowerCase() === name ? [value] : []);
  const place = request.port === 80 ? request.host : `${request.host}:${request.port}`;
  assert.deepEqual(valuesOf("host"), [place]);
  assert.deepEqual(valuesOf("connection"), ["close"]);
  const lengths = valuesOf("content-length");
  const codings = valuesOf("transfer-encoding");
  assert.ok(lengths.length + codings.length <= 1, "the body ends in two ways");
  assert.deepEqual(lengths, request.body.kind === "length" ? [`${request.body.bytes}`] : []);
  assert.deepEqual(codings, request.body.kind === "chunked" ? ["chunked"] : []);
  requireSameHost(head, request);
}

/** The same host and port as the URL reader of browsers sees (WHATWG), where it sees any. */
function requireSameHost(head: string, request: ProxyRequest): void {
  const target = head.split(" ")[1] ?? "";
  if (!URL.canParse(target)) return;
  const { hostname, port } = new URL(target);
  // It turns every spelling of an address into one; those are refused later, whatever they are.
  if (/^[\d.]+$|^\[/.test(hostname)) return;
  assert.equal(hostname.replace(/\.$/, ""), request.host);
  assert.equal(Number(port || 80), request.port);
}

Deno.test("fuzz: of a million heads, what is taken is sound, and every reader sees the same host", () => {
  const random = numbersFrom(seed);
  const seen = { tunnel: 0, plain: 0, malformed: 0 };
  for (let round = 0; round < 1_000_000; round++) {
    const head = broken(heads[round % heads.length] ?? "", random);
    try {
      const request = parseProxyRequest(head);
      seen[request.kind]++;
      if (request.kind !== "malformed") requireSound(head, request);
    } catch (cause) {
      const how = `NIXBOX_FUZZ_SEED=${seed}, round ${round}`;
      throw new Error(`${how}: ${JSON.stringify(head)}`, { cause });
    }
  }
  // Were nearly all of one kind, nothing would have been tried.
  for (const [kind, count] of Object.entries(seen)) assert.ok(count > 20_000, `${kind}: ${count}`);
});

Deno.test("fuzz: of broken first messages of TLS, each has the one name that was in it, or none", async () => {
  const random = numbersFrom(seed);
  const good = [
    await clientHello("allowed.test"),
    madeHello(serverName("allowed.test")),
    madeHello(serverName("allowed.test"), 30),
  ];
  const seen = { name: 0, more: 0, refused: 0 };
  for (let round = 0; round < 250_000; round++) {
    const bytes = (good[round % good.length] ?? new Uint8Array()).slice();
    for (let changes = random(4); changes >= 0; changes--) {
      bytes[random(bytes.length)] = random(256);
    }
    const message = random(8) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
    try {
      const said = readHelloName(message);
      seen[said.kind]++;
      if (said.kind === "name") requireNameIn(message, said.name);
      if (said.kind === "more") assert.ok(said.bytes > message.length);
    } catch (cause) {
      const how = `NIXBOX_FUZZ_SEED=${seed}, round ${round}`;
      throw new Error(`${how}: ${message.toHex()}`, { cause });
    }
  }
  for (const [kind, count] of Object.entries(seen)) assert.ok(count > 5000, `${kind}: ${count}`);
});

/** The name stands in the message as it was read, but for its case and where records part it. */
function requireNameIn(message: Uint8Array, name: string): void {
  assert.match(name, /^[a-z0-9_][a-z0-9._-]*$/);
  const text = String.fromCharCode(...message).toLowerCase();
  const whole = [...name].map((character) => character.replace(/[.]/, "\\.")).join(
    "(?:\\x16\\x03[^]{3})?",
  );
  assert.match(text, new RegExp(whole));
}
