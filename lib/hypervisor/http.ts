import { messageOf, NixboxError } from "../base/error.ts";
import { parseResponse } from "./http_response.ts";
import type { HttpResponse } from "./http_response.ts";

export interface HttpRequest {
  readonly method: "GET" | "PUT" | "POST";
  /** The target in origin form: `/api/v1/vm.info`. */
  readonly path: string;
  /** Sent as JSON; without it the request has no body, and no headers of one. */
  readonly body?: unknown;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** Nobody listens on the control socket, or the connection ended before the answer did. */
export class ConnectionLost extends NixboxError {}

/** More than any answer of a hypervisor. */
const longestAnswer = 8 * 1024 * 1024;

/**
 * One HTTP/1.1 request on a Unix socket (RFC 9112), on its own connection. `fetch` cannot: it
 * writes the target in absolute form, which small servers take for a path.
 *
 * @throws {ConnectionLost} if the hypervisor is gone, or goes before it has answered.
 * @throws {NixboxError} if there is no answer within `timeoutMs`, or it is not HTTP.
 */
export async function request(socketPath: string, request: HttpRequest): Promise<HttpResponse> {
  request.signal?.throwIfAborted();
  const connection = await connect(socketPath);
  let failure: unknown;
  const stop = (reason: unknown) => {
    if (failure !== undefined) return;
    failure = reason;
    connection.close();
  };
  const { method, path, timeoutMs, signal } = request;
  const silence = new NixboxError(
    `the hypervisor did not answer ${method} ${path} within ${timeoutMs / 1000} s`,
  );
  const timer = setTimeout(() => stop(silence), timeoutMs);
  const onAbort = () => stop(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  // It may have come while the connection was being made.
  if (signal?.aborted) onAbort();
  try {
    await writeAll(connection, requestText(request));
    return await readResponse(connection);
  } catch (error) {
    if (failure !== undefined) throw failure;
    if (error instanceof NixboxError) throw error;
    throw lost(socketPath, error);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    if (failure === undefined) connection.close();
  }
}

async function connect(path: string): Promise<Deno.UnixConn> {
  try {
    return await Deno.connect({ transport: "unix", path });
  } catch (error) {
    throw lost(path, error);
  }
}

function lost(socketPath: string, error: unknown): ConnectionLost {
  return new ConnectionLost(`the hypervisor cannot be reached: ${messageOf(error)}`, {
    where: socketPath,
    cause: error,
  });
}

/** A request without a body has no content headers: some of cloud-hypervisor's calls refuse any. */
function requestText({ method, path, body }: HttpRequest): string {
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
  let received = new Uint8Array();
  const buffer = new Uint8Array(65536);
  while (true) {
    const count = await connection.read(buffer);
    if (count !== null) {
      const longer = new Uint8Array(received.length + count);
      longer.set(received);
      longer.set(buffer.subarray(0, count), received.length);
      received = longer;
    }
    const response = parseResponse(received, count === null);
    if (response !== undefined) return response;
    if (count === null) {
      throw new ConnectionLost("the hypervisor closed its control connection without an answer");
    }
    if (received.length > longestAnswer) {
      throw new NixboxError("the hypervisor's answer has no end");
    }
  }
}
