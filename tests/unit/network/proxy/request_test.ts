import assert from "node:assert/strict";
import { parseProxyRequest } from "../../../../lib/network/proxy/request.ts";

const head = (...lines: string[]) => lines.join("\r\n");

Deno.test("CONNECT asks for a tunnel; the host in lower case, without its last dot", () => {
  for (
    const [line, host, port] of [
      ["CONNECT allowed.test:443 HTTP/1.1", "allowed.test", 443],
      ["CONNECT Allowed.TEST.:22 HTTP/1.1", "allowed.test", 22],
      ["CONNECT 10.0.0.1:443 HTTP/1.0", "10.0.0.1", 443],
      ["CONNECT [::1]:443 HTTP/1.1", "[::1]", 443],
    ] as const
  ) {
    assert.deepEqual(parseProxyRequest(head(line, "Host: whatever")), {
      kind: "tunnel",
      host,
      port,
    });
  }
});

Deno.test("a whole address is turned into a request for its server, on its own connection", () => {
  const request = parseProxyRequest(head(
    "GET http://Allowed.test:8080/a/b?c=d HTTP/1.1",
    "Host: allowed.test:8080",
    "Accept: */*",
    "Proxy-Authorization: secret",
    "Connection: keep-alive, X-Own",
    "X-Own: 1",
    "Upgrade: h2c",
  ));
  assert.deepEqual(request, {
    kind: "plain",
    host: "allowed.test",
    port: 8080,
    body: { kind: "none" },
    head: head(
      "GET /a/b?c=d HTTP/1.1",
      "Host: allowed.test:8080",
      "Accept: */*",
      "Connection: close",
      "",
      "",
    ),
  });
});

Deno.test("what is asked for without a path is the root, with its query", () => {
  for (
    const [address, path] of [
      ["http://a.test", "/"],
      ["http://a.test/", "/"],
      ["http://a.test?x", "/?x"],
      ["HTTP://a.test:80/x", "/x"],
    ] as const
  ) {
    const request = parseProxyRequest(`GET ${address} HTTP/1.1`);
    assert.equal(request.kind, "plain");
    if (request.kind === "plain") {
      assert.equal(
        request.head,
        `GET ${path} HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n`,
      );
    }
  }
});

Deno.test("a body is told by its length or in chunks, never by both", () => {
  const bodyOf = (...fields: string[]) => {
    const request = parseProxyRequest(head("POST http://a.test/ HTTP/1.1", ...fields));
    return request.kind === "plain" ? request.body : request.kind;
  };
  assert.deepEqual(bodyOf("Content-Length: 12"), { kind: "length", bytes: 12 });
  assert.deepEqual(bodyOf("Content-Length: 0"), { kind: "none" });
  assert.deepEqual(bodyOf("Transfer-Encoding: Chunked"), { kind: "chunked" });
  for (
    const fields of [
      ["Content-Length: 1", "Content-Length: 1"],
      ["Content-Length: 1, 1"],
      ["Content-Length: +1"],
      ["Content-Length: 0x1"],
      ["Content-Length: 1e3"],
      ["Content-Length: -1"],
      ["Content-Length: 9999999999999999"],
      ["Content-Length: 1", "Transfer-Encoding: chunked"],
      ["Transfer-Encoding: gzip, chunked"],
      ["Transfer-Encoding: chunked", "Transfer-Encoding: identity"],
      ["Transfer-Encoding: xchunked"],
    ]
  ) assert.equal(bodyOf(...fields), "malformed", fields.join());
});

const refused: readonly (readonly [what: string, text: string])[] = [
  ["nothing", ""],
  ["a path alone", "GET / HTTP/1.1"],
  ["another scheme", "GET ftp://a.test/ HTTP/1.1"],
  ["https without a tunnel", "GET https://a.test/ HTTP/1.1"],
  ["a user in the address", "GET http://evil@a.test/ HTTP/1.1"],
  ["a user that looks like the host", "GET http://a.test:80@evil.test/ HTTP/1.1"],
  ["a fragment", "GET http://a.test/#x HTTP/1.1"],
  ["a blank in the address", "GET http://a.test/ x HTTP/1.1"],
  ["an escaped host", "GET http://a%2etest/ HTTP/1.1"],
  ["a host of other letters", "GET http://b\xfccher.test/ HTTP/1.1"],
  ["a backslash for a slash", "GET http:\\\\a.test/ HTTP/1.1"],
  ["an empty host", "GET http:///x HTTP/1.1"],
  ["port 0", "CONNECT a.test:0 HTTP/1.1"],
  ["port 65536", "CONNECT a.test:65536 HTTP/1.1"],
  ["a port that is not a number", "CONNECT a.test:443x HTTP/1.1"],
  ["CONNECT without a port", "CONNECT a.test HTTP/1.1"],
  ["CONNECT of an address", "CONNECT http://a.test/ HTTP/1.1"],
  ["CONNECT with a user", "CONNECT x@a.test:443 HTTP/1.1"],
  ["HTTP/2", "PRI * HTTP/2.0"],
  ["HTTP/0.9", "GET http://a.test/"],
  ["a NUL", "GET http://a.test/\0 HTTP/1.1"],
  ["a NUL in a header", "GET http://a.test/ HTTP/1.1\r\nX: \0"],
  ["a bare LF", "GET http://a.test/ HTTP/1.1\nHost: a.test"],
  ["a bare CR", "GET http://a.test/ HTTP/1.1\r\nX: a\rb"],
  ["a continued header", "GET http://a.test/ HTTP/1.1\r\nX: a\r\n b"],
  ["a blank before the colon", "GET http://a.test/ HTTP/1.1\r\nContent-Length : 5"],
  ["a header without a colon", "GET http://a.test/ HTTP/1.1\r\nX"],
  ["a header without a name", "GET http://a.test/ HTTP/1.1\r\n: x"],
  ["two hosts", "GET http://a.test/ HTTP/1.1\r\nHost: a.test\r\nHost: a.test"],
  ["another host", "GET http://a.test/ HTTP/1.1\r\nHost: evil.test"],
  ["a host that is not one", "GET http://a.test/ HTTP/1.1\r\nHost: a.test, evil.test"],
  ["TRACE", "TRACE http://a.test/ HTTP/1.1"],
  ["a method that is not one", "G(T http://a.test/ HTTP/1.1"],
  ["two blanks", "GET  http://a.test/ HTTP/1.1"],
  ["a tab", "GET\thttp://a.test/ HTTP/1.1"],
];

for (const [what, text] of refused) {
  Deno.test(`proxy: ${what} is refused`, () => {
    assert.equal(parseProxyRequest(text).kind, "malformed");
  });
}
