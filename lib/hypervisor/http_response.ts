import { NixboxError } from "../base/error.ts";

export interface HttpResponse {
  readonly status: number;
  readonly body: string;
}

/**
 * Parses an HTTP/1.1 response as far as it has come (RFC 9112); `undefined` if there is more to come.
 *
 * @param isWhole Whether the connection has ended.
 * @throws {NixboxError} for what is not HTTP.
 */
export function parseResponse(
  bytes: Uint8Array<ArrayBuffer>,
  isWhole: boolean,
): HttpResponse | undefined {
  // One character a byte, so that positions in the text are positions in the bytes.
  const text = new TextDecoder("latin1").decode(bytes);
  const end = text.indexOf("\r\n\r\n");
  if (end < 0) {
    if (text.length >= statusStart.length && !text.startsWith(statusStart)) throw noHttp(text);
    return undefined;
  }
  const [statusLine = "", ...lines] = text.slice(0, end).split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})(?: |$)/.exec(statusLine)?.[1];
  if (status === undefined) throw noHttp(statusLine);
  const rest = bytes.slice(end + 4);
  // 1xx is not the answer; 204 and 304 never have a body (RFC 9110, section 15).
  if (status.startsWith("1")) return parseResponse(rest, isWhole);
  if (status === "204" || status === "304") return { status: Number(status), body: "" };
  const body = bodyOf(rest, new Map(lines.map(parseHeader)), isWhole);
  if (body === undefined) return undefined;
  return { status: Number(status), body: new TextDecoder().decode(body) };
}

const statusStart = "HTTP/1.";

function noHttp(text: string): NixboxError {
  return new NixboxError(`the hypervisor's answer is not HTTP: ${text.slice(0, 80)}`);
}

function parseHeader(line: string): [name: string, value: string] {
  const colon = line.indexOf(":");
  if (colon < 1) throw new NixboxError(`the hypervisor's answer has a broken header: ${line}`);
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

/** How long a body is (RFC 9112, section 6.3); one without a length ends with the connection. */
function bodyOf(
  rest: Uint8Array<ArrayBuffer>,
  headers: ReadonlyMap<string, string>,
  isWhole: boolean,
): Uint8Array<ArrayBuffer> | undefined {
  if (/\bchunked$/i.test(headers.get("transfer-encoding") ?? "")) return dechunk(rest);
  const length = headers.get("content-length");
  if (length === undefined) return isWhole ? rest : undefined;
  if (!/^\d+$/.test(length)) {
    throw new NixboxError(`the hypervisor's answer has a broken length: ${length}`);
  }
  return rest.length >= Number(length) ? rest.slice(0, Number(length)) : undefined;
}

/** Chunked transfer coding (RFC 9112, section 7.1); `undefined` if its end has not come. */
function dechunk(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> | undefined {
  const text = new TextDecoder("latin1").decode(bytes);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  let at = 0;
  while (true) {
    const lineEnd = text.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = /^([0-9a-f]{1,8})[ \t]*(?:;|$)/i.exec(text.slice(at, lineEnd))?.[1];
    if (size === undefined) throw new NixboxError("the hypervisor's answer has a broken chunk");
    const start = lineEnd + 2;
    const end = start + Number.parseInt(size, 16);
    // The last chunk has no bytes; trailers may follow, and an empty line ends them.
    if (end === start) return text.indexOf("\r\n\r\n", lineEnd) < 0 ? undefined : join(chunks);
    if (text.length < end + 2) return undefined;
    chunks.push(bytes.slice(start, end));
    at = end + 2;
  }
}

function join(chunks: readonly Uint8Array<ArrayBuffer>[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    joined.set(chunk, at);
    at += chunk.length;
  }
  return joined;
}
