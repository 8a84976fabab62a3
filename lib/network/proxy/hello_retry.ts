import { readHelloName } from "./client_hello.ts";
import { type BufferedConnection, passBytes, passOn } from "./stream.ts";

/** The random value of a ServerHello that asks for another hello (RFC 8446, section 4.1.3). */
const retryRandom = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";

/** Types of records, and of the one handshake message that a server begins with. */
const [alertRecord, handshakeRecord, serverHello] = [21, 22, 2];

/** A record's head; then a ServerHello's type, length and version; then its random value. */
const [headBytes, randomAt, randomBytes] = [5, 11, 32];

/** What was wrong with what a client sent after its first hello. */
export interface RetryProblem {
  readonly problem: "retry";
  /** The name in the second hello, where it has one. */
  readonly other?: string;
}

/** How far the two have come: `again` is the server's wish for another hello. */
interface Progress {
  state: "waiting" | "again" | "done";
}

/**
 * Passes on a TLS connection whose first hello was read and is still in `client`'s buffer. Where the
 * server asks for another hello (RFC 8446, section 4.1.4), that must have the same name; before the
 * server has answered no other handshake message of the client's passes.
 *
 * @returns What the client did wrong, once; the caller closes both.
 */
export async function passOneName(
  client: BufferedConnection,
  origin: BufferedConnection,
  name: string,
): Promise<RetryProblem | undefined> {
  const progress: Progress = { state: "waiting" };
  const answering = passAnswers(origin, client, progress);
  answering.catch(() => {});
  const problem = await passRequests(client, origin, name, progress);
  if (problem !== undefined) return problem;
  await answering;
  return undefined;
}

async function passRequests(
  client: BufferedConnection,
  origin: BufferedConnection,
  name: string,
  progress: Progress,
): Promise<RetryProblem | undefined> {
  const first = readHelloName(client.buffered);
  if (first.kind !== "name") return { problem: "retry" };
  await passBytes(client, origin, first.bytes);
  while (progress.state !== "done") {
    if (client.buffered.length < headBytes) {
      if (!await client.fill()) break;
      continue;
    }
    if (client.buffered[0] === handshakeRecord) {
      if (progress.state === "waiting") return { problem: "retry" };
      const second = await readWhole(client);
      if (second?.name !== name) {
        return { problem: "retry", ...(second === undefined ? {} : { other: second.name }) };
      }
      await passBytes(client, origin, second.bytes);
      progress.state = "done";
      break;
    }
    if (!await passBytes(client, origin, recordBytes(client.buffered))) break;
  }
  await passOn(client, origin);
  return undefined;
}

async function readWhole(
  client: BufferedConnection,
): Promise<{ readonly name: string; readonly bytes: number } | undefined> {
  while (true) {
    const hello = readHelloName(client.buffered);
    if (hello.kind === "name") return hello;
    if (hello.kind === "refused") return undefined;
    while (client.buffered.length < hello.bytes) {
      if (!await client.fill()) return undefined;
    }
  }
}

/** Looks at the server's first message, and passes on all that comes. */
async function passAnswers(
  origin: BufferedConnection,
  client: BufferedConnection,
  progress: Progress,
): Promise<void> {
  while (progress.state === "waiting") {
    if (origin.buffered.length < headBytes) {
      if (!await origin.fill()) break;
      continue;
    }
    if (origin.buffered[0] === alertRecord) {
      if (!await passBytes(origin, client, recordBytes(origin.buffered))) break;
      continue;
    }
    if (origin.buffered[0] === handshakeRecord && origin.buffered.length < randomAt + randomBytes) {
      if (recordBytes(origin.buffered) < randomAt + randomBytes || !await origin.fill()) break;
      continue;
    }
    progress.state = mayAskAgain(origin.buffered) ? "again" : "done";
  }
  await passOn(origin, client);
}

/** A handshake that does not begin with a ServerHello is nobody's, and might be a wish, too. */
function mayAskAgain(bytes: Uint8Array): boolean {
  if (bytes[0] !== handshakeRecord) return false;
  if (bytes[headBytes] !== serverHello) return true;
  const random = bytes.subarray(randomAt, randomAt + randomBytes);
  return Array.from(random, (byte) => byte.toString(16).padStart(2, "0")).join("") === retryRandom;
}

/** How many bytes a record takes whose head is there. */
function recordBytes(bytes: Uint8Array): number {
  return headBytes + (bytes[3] ?? 0) * 256 + (bytes[4] ?? 0);
}
