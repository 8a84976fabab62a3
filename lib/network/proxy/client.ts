import { within } from "../../base/wait.ts";
import type { NetworkPolicy } from "../policy/policy.ts";
import { inspected } from "../policy/policy.ts";
import { readHelloName } from "./client_hello.ts";
import { addressesToDial, isThisHost, type OwnAddress, problemWithPlace } from "./decide.ts";
import { passOneName } from "./hello_retry.ts";
import { describe, type ProxyProblem, type ProxyRefusal } from "./log.ts";
import { type Malformed, parseProxyRequest, type ProxyRequest } from "./request.ts";
import type { Resolve } from "./resolve.ts";
import { BufferedConnection, discard, passBytes, passChunks, passOn, textOf } from "./stream.ts";

/** How much of the proxy one client may use, and for how long. */
export interface ClientLimits {
  /** Bytes of a request's head. */
  readonly headBytes: number;
  /** Milliseconds until the whole head is there; for TLS' first message, again. */
  readonly headMs: number;
  /** Milliseconds that one address may take to answer. */
  readonly dialMs: number;
}

/** What a client's connection is held to, and by what it gets out. */
export interface ClientContext {
  /** `undefined` where the policy cannot be read: nothing passes then. */
  readonly policy: NetworkPolicy | undefined;
  readonly limits: ClientLimits;
  readonly resolve: Resolve;
  readonly dial: (address: string, port: number) => Promise<Deno.Conn>;
  readonly own: () => readonly OwnAddress[];
  readonly refused: (refusal: ProxyRefusal) => Promise<void>;
  /** Told of the connection that was made for the client. */
  readonly connected: (origin: BufferedConnection) => void;
}

/** Serves one connection of the guest's to its end. Throws only where a connection broke. */
export async function serveClient(
  client: BufferedConnection,
  context: ClientContext,
): Promise<void> {
  const { headBytes, headMs } = context.limits;
  const head = await within(headMs, readHead(client, headBytes));
  if (head === "late") return await answer(client, 408, "the request took too long");
  if (head === "long") return await answer(client, 431, "the request's head is too long");
  if (head === "ended") return;
  const request = parseProxyRequest(head.text);
  if (request.kind === "malformed") return await refuseMalformed(client, request);
  const origin = await reach(client, request, context);
  if (origin === undefined) return;
  // The policy may have become narrower meanwhile.
  if (client.isClosed) return origin.close();
  context.connected(origin);
  try {
    if (request.kind === "tunnel") await tunnel(client, origin, request, context);
    else await forward(client, origin, request);
  } finally {
    origin.close();
  }
}

type Head = { readonly text: string } | "late" | "long" | "ended";

async function readHead(client: BufferedConnection, longest: number): Promise<Head> {
  // Each byte is looked at once: a client may send them one by one.
  let looked = 0;
  while (true) {
    const end = endOfHead(client.buffered, looked);
    if ((end ?? client.buffered.length) > longest) return "long";
    if (end !== undefined) {
      const text = textOf(client.take(end));
      client.take(4);
      return { text };
    }
    looked = Math.max(0, client.buffered.length - 3);
    if (!await client.fill()) return "ended";
  }
}

/** Where CR, LF, CR, LF begins. */
function endOfHead(bytes: Uint8Array, from: number): number | undefined {
  for (let at = bytes.indexOf(13, from); at >= 0; at = bytes.indexOf(13, at + 1)) {
    if (bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10) return at;
  }
  return undefined;
}

/** A connection to the place that was asked for; else the client has its answer. */
async function reach(
  client: BufferedConnection,
  request: ProxyRequest,
  context: ClientContext,
): Promise<BufferedConnection | undefined> {
  const { policy, limits } = context;
  const { host, port } = request;
  const refuse = async (problem: ProxyProblem) => {
    await refusePlace(client, context, host, port, problem);
    return undefined;
  };
  if (policy === undefined) {
    await answer(client, 403, "the policy cannot be read: nothing passes");
    return undefined;
  }
  const problem = problemWithPlace(policy, request.kind, host, port);
  if (problem !== undefined) return await refuse(problem);
  const found = isThisHost(host) ? ["127.0.0.1"] : await context.resolve(host, policy.resolvers);
  if (found.length === 0) return await refuse("unresolved");
  const addresses = isThisHost(host) ? found : addressesToDial(policy, found, context.own(), port);
  if (addresses.length === 0) return await refuse("private");
  for (const address of addresses) {
    const dialing = context.dial(address, port);
    const made = await within(limits.dialMs, dialing).catch(() => undefined);
    if (made !== undefined && made !== "late") return new BufferedConnection(made);
    dialing.then((late) => late.close(), () => {});
  }
  return await refuse("unreachable");
}

async function tunnel(
  client: BufferedConnection,
  origin: BufferedConnection,
  { host, port }: ProxyRequest,
  context: ClientContext,
): Promise<void> {
  await client.writeText("HTTP/1.1 200 Connection established\r\n\r\n");
  const { policy } = context;
  if (policy === undefined || port !== 443 || !inspected(policy).tls) {
    await Promise.all([passOn(client, origin), passOn(origin, client)]);
    return;
  }
  const hello = await within(context.limits.headMs, problemWithHello(client, host));
  const problem = hello === "late"
    ? { problem: "?unreadable" as const }
    : hello ?? await passOneName(client, origin, host);
  if (problem !== undefined) await context.refused({ time: Date.now(), host, port, ...problem });
}

/** What is wrong with the first bytes in a tunnel; they are left where they were. */
async function problemWithHello(
  client: BufferedConnection,
  host: string,
): Promise<{ problem: ProxyProblem; other?: string } | undefined> {
  while (true) {
    const hello = readHelloName(client.buffered);
    if (hello.kind === "refused") return { problem: hello.problem };
    if (hello.kind === "name") {
      return hello.name === host ? undefined : { problem: "sni", other: hello.name };
    }
    while (client.buffered.length < hello.bytes) {
      if (!await client.fill()) return { problem: "?unreadable" };
    }
  }
}

/** Sends one request on, and nothing of what follows it; the answer goes back as it comes. */
async function forward(
  client: BufferedConnection,
  origin: BufferedConnection,
  request: ProxyRequest & { readonly kind: "plain" },
): Promise<void> {
  await origin.writeText(request.head);
  const sending = sendBody(client, origin, request.body).then(async (isWhole) => {
    // A server that waits for the rest must not take this for the end of it.
    if (!isWhole) return origin.close();
    await discard(client);
    await origin.endWriting();
  });
  sending.catch(() => {});
  await passOn(origin, client);
}

async function sendBody(
  client: BufferedConnection,
  origin: BufferedConnection,
  body: (ProxyRequest & { readonly kind: "plain" })["body"],
): Promise<boolean> {
  switch (body.kind) {
    case "none":
      return true;
    case "length":
      return await passBytes(client, origin, body.bytes);
    case "chunked":
      return await passChunks(client, origin);
  }
}

async function refusePlace(
  client: BufferedConnection,
  context: ClientContext,
  host: string,
  port: number,
  problem: ProxyProblem,
): Promise<void> {
  const refusal = { time: Date.now(), host, port, problem };
  await context.refused(refusal);
  const { reason, allow } = describe(refusal);
  const status = problem === "unresolved" || problem === "unreachable" ? 502 : 403;
  await answer(client, status, `${host}:${port}: ${reason}${allow ? ` (${allow})` : ""}`);
}

async function refuseMalformed(client: BufferedConnection, problem: Malformed): Promise<void> {
  await answer(client, problem.status, problem.reason);
}

const phrases: Readonly<Record<number, string>> = {
  400: "Bad Request",
  403: "Forbidden",
  405: "Method Not Allowed",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
};

/** A whole answer in one line of text, after which the connection ends. */
export async function answer(
  client: BufferedConnection,
  status: number,
  text: string,
): Promise<void> {
  // Names in it are ASCII.
  const body = `nixbox: ${text}\n`;
  await client.writeText(
    `HTTP/1.1 ${status} ${
      phrases[status] ?? "Error"
    }\r\nContent-Type: text/plain; charset=utf-8\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
  );
  await client.endWriting();
}
