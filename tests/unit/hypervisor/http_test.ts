import { deepStrictEqual, match, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import { ConnectionLost, request } from "../../../lib/hypervisor/http.ts";
import { parseResponse } from "../../../lib/hypervisor/http_response.ts";
import { errorOf, TemporarySocket } from "./temporary_socket.ts";

const encode = (text: string) => new TextEncoder().encode(text);

const responses: readonly [claim: string, text: string, status: number, body: string][] = [
  ["a length counts bytes", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\né!", 200, "é!"],
  ["header names have no case", "HTTP/1.1 200 OK\r\ncONTENT-lENGTH:2\r\n\r\nab", 200, "ab"],
  [
    "chunks are joined",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
    "3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
    200,
    "abc0123456789",
  ],
  [
    "trailers after the last chunk are not part of the body",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
    200,
    "a",
  ],
  ["204 has no body", "HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n", 204, ""],
  [
    "100 is not the answer",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 500 Bad\r\nContent-Length: 1\r\n\r\nx",
    500,
    "x",
  ],
  ["a status needs no words", "HTTP/1.0 200\r\nContent-Length: 0\r\n\r\n", 200, ""],
];

for (const [claim, text, status, body] of responses) {
  Deno.test(`http: ${claim}, however the bytes come`, () => {
    const bytes = encode(text);
    for (let length = 0; length < bytes.length; length++) {
      strictEqual(parseResponse(bytes.slice(0, length), false), undefined, `${length} bytes`);
    }
    deepStrictEqual(parseResponse(bytes, false), { status, body });
  });
}

Deno.test("http: a body without a length ends with the connection", () => {
  const bytes = encode("HTTP/1.1 200 OK\r\n\r\nabc");
  strictEqual(parseResponse(bytes, false), undefined);
  deepStrictEqual(parseResponse(bytes, true), { status: 200, body: "abc" });
});

const broken: readonly [text: string, reason: RegExp][] = [
  ["220 mail ready\r\n", /not HTTP/],
  ["HTTP/2 200\r\n\r\n", /not HTTP/],
  ["HTTP/1.1 2000 x\r\n\r\n", /not HTTP/],
  ["HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", /broken header/],
  ["HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", /broken length/],
  ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", /broken chunk/],
];

for (const [text, reason] of broken) {
  Deno.test(`http: ${JSON.stringify(text)} is refused`, () => {
    throws(() => parseResponse(encode(text), false), reason);
  });
}

Deno.test("http: any bytes are an answer, an error or the start of one, never a crash", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
    const bytes = new Uint8Array([...encode("HTTP/1.1 200 OK\r\n"), ...tail]);
    try {
      parseResponse(bytes, true);
    } catch (error) {
      match(error instanceof Error ? error.message : "", /^the hypervisor's answer/);
    }
  }));
});

/** Serves one connection with raw bytes, and gives what the client wrote. */
async function serveOnce(path: string, answer: string): Promise<string> {
  using listener = Deno.listen({ transport: "unix", path });
  using connection = await listener.accept();
  const buffer = new Uint8Array(65536);
  let received = "";
  while (!received.endsWith("\r\n\r\n") && !received.endsWith("}")) {
    const count = await connection.read(buffer);
    if (count === null) break;
    received += new TextDecoder().decode(buffer.subarray(0, count));
  }
  await connection.write(encode(answer));
  return received;
}

Deno.test("http: a request has an origin-form target and, without a body, no headers of one", async () => {
  await using socket = await TemporarySocket.make();
  const serving = serveOnce(socket.path, "HTTP/1.1 204 No Content\r\n\r\n");
  const sent = await request(socket.path, { method: "PUT", path: "/api/v1/x", timeoutMs: 5000 });
  deepStrictEqual(sent, { status: 204, body: "" });
  const text = await serving;
  match(text, /^PUT \/api\/v1\/x HTTP\/1\.1\r\nHost: localhost\r\n/);
  strictEqual(/content-/i.test(text), false);
});

Deno.test("http: a body is JSON, its length counted in bytes", async () => {
  await using socket = await TemporarySocket.make();
  const serving = serveOnce(socket.path, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
  const body = { path: "/é" };
  await request(socket.path, { method: "PUT", path: "/x", body, timeoutMs: 5000 });
  match(await serving, /Content-Length: 14\r\n\r\n\{"path":"\/é"\}$/);
});

Deno.test("http: an answer that breaks off is a lost connection", async () => {
  await using socket = await TemporarySocket.make();
  const serving = serveOnce(socket.path, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{");
  const asking = request(socket.path, { method: "GET", path: "/x", timeoutMs: 5000 });
  strictEqual((await errorOf(asking)) instanceof ConnectionLost, true);
  await serving;
});
