import { NixboxError } from "../host/error.ts";

export interface HttpResponse {
  readonly status: number;
  readonly body: string;
}

/** More than any answer of a hypervisor. */
const longestAnswer = 8 * 1024 * 1024;

/**
 * One HTTP/1.1 request on a Unix socket (RFC 9112), on a connection of its own. `fetch` cannot: it
 * writes the target in absolute form, which small servers take for a path.
 *
 * @throws {NixboxError} if there is no answer within `timeoutMs`, or it is no HTTP.
 */
export async function request(
  socketPath: string,
  method: "GET" | "PUT",
  path: string,
  body: unknown,
  timeoutMs: number,
): Promise<HttpResponse> {
  const connection = await Deno.connect({ transport: "unix", path: socketPath });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection.close();
  }, timeoutMs);
  try {
    await writeAll(connection, requestText(method, path, body));
    return await readResponse(connection);
  } catch (error) {
    if (!isLate) throw error;
    throw new NixboxError(`no answer to ${method} ${path} within ${timeoutMs / 1000} s`, {
      cause: error,
    });
  } finally {
    clearTimeout(timer);
    if (!isLate) connection.close();
  }
}

/** A request without a body has no content headers: some of cloud-hypervisor's calls refuse any. */
function requestText(method: string, path: string, body: unknown): string {
  const head = [`${method} ${path} HTTP/1.1`, "Host: localhost", "Accept: application/json"];
  if (body === undefined) return [...head, "", ""].join("\r\n");
  const text = JSON.stringify(body);
  const length = new TextEncoder().encode(text).length;
  return [...head, "Content-Type: application/json", `Content-Length: ${length}`, "", text].join(
    "\r\n",
  );
}

async function writeAll(connection: Deno.Conn, text: string): Promise<void> {
  let bytes = new TextEncoder().encode(text);
  while (bytes.length > 0) bytes = bytes.subarray(await connection.write(bytes));
}

async function readResponse(connection: Deno.Conn): Promise<HttpResponse> {
  let bytes = new Uint8Array();
  const buffer = new Uint8Array(65536);
  while (true) {
    const found = parseResponse(bytes, false);
    if (found !== undefined) return found;
    const count = await connection.read(buffer);
    if (count === null) break;
    bytes = concatenate(bytes, buffer.subarray(0, count));
    if (bytes.length > longestAnswer) throw new NixboxError("the hypervisor's answer has no end");
  }
  const found = parseResponse(bytes, true);
  if (found !== undefined) return found;
  throw new NixboxError("the hypervisor closed its control connection in the middle of an answer");
}

/**
 * Parses a response as far as it has come; `undefined` if there is more to come. `isWhole` says that
 * the connection has ended.
 */
export function parseResponse(
  bytes: Uint8Array<ArrayBuffer>,
  isWhole: boolean,
): HttpResponse | undefined {
  const text = new TextDecoder("latin1").decode(bytes);
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [statusLine = "", ...headerLines] = text.slice(0, end).split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1];
  if (status === undefined) {
    throw new NixboxError(`the hypervisor's answer is no HTTP: ${statusLine}`);
  }
  const headers = new Map(headerLines.map((line) => {
    const colon = line.indexOf(":");
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  // 1xx is not the answer; 204 and 304 never have a body (RFC 9110, section 15).
  if (status.startsWith("1")) return parseResponse(bytes.slice(end + 4), isWhole);
  if (status === "204" || status === "304") return { status: Number(status), body: "" };
  const rest = bytes.slice(end + 4);
  const body = /\bchunked\b/i.test(headers.get("transfer-encoding") ?? "")
    ? dechunk(rest)
    : bodyOf(rest, headers.get("content-length"), isWhole);
  return body === undefined
    ? undefined
    : { status: Number(status), body: new TextDecoder().decode(body) };
}

function bodyOf(
  rest: Uint8Array<ArrayBuffer>,
  length: string | undefined,
  isWhole: boolean,
): Uint8Array<ArrayBuffer> | undefined {
  if (length === undefined) return isWhole ? rest : undefined;
  return rest.length >= Number(length) ? rest.slice(0, Number(length)) : undefined;
}

/** Chunked transfer coding (RFC 9112, section 7.1); `undefined` if the last chunk has not come. */
function dechunk(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const text = new TextDecoder("latin1").decode(bytes);
  let body = new Uint8Array();
  let at = 0;
  while (true) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(text.slice(at, lineEnd), 16);
    if (!Number.isInteger(size)) {
      throw new NixboxError("the hypervisor's answer has a broken chunk");
    }
    if (size === 0) return body;
    const start = lineEnd + 2;
    if (bytes.length < start + size + 2) return undefined;
    body = concatenate(body, bytes.slice(start, start + size));
    at = start + size + 2;
  }
}

function concatenate(
  a: Uint8Array<ArrayBuffer>,
  b: Uint8Array<ArrayBufferLike>,
): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}
