import assert from "node:assert/strict";
import { passOneName, type RetryProblem } from "../../../../lib/network/proxy/hello_retry.ts";
import { BufferedConnection } from "../../../../lib/network/proxy/stream.ts";
import { field, madeHello, serverName } from "./hello.ts";

const hello = madeHello(serverName("allowed.test"));
const evil = madeHello(serverName("evil.test"));
const changeOfCipher = [20, 3, 3, 0, 1, 1];
const retryRandom = (
  "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c".match(/../g) ?? []
).map((byte) => Number.parseInt(byte, 16));

/** A ServerHello with this random value, in its own record. */
function serverHello(random: readonly number[]): number[] {
  const body = [3, 3, ...random, 0, 0x13, 1, 0, 0, 0];
  return [22, 3, 3, ...field(2, [2, ...field(3, body)])];
}

const retry = serverHello(retryRandom);
const usual = serverHello(Array<number>(32).fill(5));

/** Two ends of a connection. */
async function pair(): Promise<[Deno.Conn, Deno.Conn]> {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/socket`;
  const listener = Deno.listen({ transport: "unix", path });
  const [one, other] = await Promise.all([
    listener.accept(),
    Deno.connect({ transport: "unix", path }),
  ]);
  listener.close();
  await Deno.remove(directory, { recursive: true });
  return [one, other];
}

async function send(connection: Deno.Conn, bytes: readonly number[] | Uint8Array): Promise<void> {
  await connection.write(Uint8Array.from(bytes));
}

/** Reads so many bytes, or to the end. */
async function receive(connection: Deno.Conn, count: number): Promise<number[]> {
  const bytes: number[] = [];
  const space = new Uint8Array(4096);
  while (bytes.length < count) {
    const length = await connection.read(space);
    if (length === null) break;
    bytes.push(...space.subarray(0, length));
  }
  return bytes;
}

/** A client that has said `hello`, and its server. */
async function connected(
  work: (client: Deno.Conn, server: Deno.Conn) => Promise<void>,
): Promise<RetryProblem | undefined> {
  const [client, inner] = await pair();
  const [outer, server] = await pair();
  const from = new BufferedConnection(inner);
  const to = new BufferedConnection(outer);
  await send(client, hello);
  while (from.buffered.length < hello.length) await from.fill();
  const passing = passOneName(from, to, "allowed.test").finally(() => {
    from.close();
    to.close();
  });
  try {
    assert.deepEqual(await receive(server, hello.length), [...hello]);
    await work(client, server);
  } finally {
    client.close();
    server.close();
  }
  return await passing.catch(() => undefined);
}

/** The client sends this after what the server has said; gives what the server got of it. */
function afterAnswer(answer: readonly number[], ...parts: (readonly number[] | Uint8Array)[]) {
  let got: number[] = [];
  const problem = connected(async (client, server) => {
    await send(server, answer);
    assert.deepEqual(await receive(client, answer.length), answer);
    for (const part of parts) await send(client, part);
    await client.closeWrite();
    got = await receive(server, Number.POSITIVE_INFINITY);
  });
  return problem.then((found) => ({ problem: found, got }));
}

Deno.test("a second hello that the server asked for passes with the same name only", async () => {
  const same = await afterAnswer(retry, hello, [23, 3, 3, 0, 1, 9]);
  assert.deepEqual(same, { problem: undefined, got: [...hello, 23, 3, 3, 0, 1, 9] });
  const other = await afterAnswer(retry, evil);
  assert.deepEqual(other, { problem: { problem: "retry", other: "evil.test" }, got: [] });
});

Deno.test("so it is after a change of cipher, in pieces, and in many records", async () => {
  const bytewise = [...evil].map((byte) => [byte]);
  for (
    const parts of [
      [[...changeOfCipher, ...evil]],
      [changeOfCipher, ...bytewise],
      [madeHello(serverName("evil.test"), 20)],
    ]
  ) {
    const { problem, got } = await afterAnswer(retry, ...parts);
    assert.deepEqual(problem, { problem: "retry", other: "evil.test" });
    assert.ok(got.length <= changeOfCipher.length);
  }
  const { problem, got } = await afterAnswer(retry, [...changeOfCipher, ...hello]);
  assert.deepEqual([problem, got.length], [undefined, changeOfCipher.length + hello.length]);
});

Deno.test("a server's warning does not hide that it asks again", async () => {
  const { problem } = await afterAnswer([21, 3, 3, 0, 2, 1, 112, ...retry], evil);
  assert.deepEqual(problem, { problem: "retry", other: "evil.test" });
});

Deno.test("no second hello passes before the server has answered", async () => {
  let got: number[] = [];
  const problem = await connected(async (client, server) => {
    await send(client, evil);
    await client.closeWrite();
    got = await receive(server, 1);
  });
  assert.deepEqual([problem, got], [{ problem: "retry" }, []]);
});

Deno.test("early data passes before the answer, and all passes after a usual one", async () => {
  const early = [23, 3, 3, 0, 2, 1, 2];
  let got: number[] = [];
  const problem = await connected(async (client, server) => {
    await send(client, [...changeOfCipher, ...early]);
    got = await receive(server, changeOfCipher.length + early.length);
  });
  assert.deepEqual([problem, got], [undefined, [...changeOfCipher, ...early]]);
  const keys = [22, 3, 3, 0, 4, 16, 0, 0, 0];
  assert.deepEqual(await afterAnswer(usual, keys), { problem: undefined, got: keys });
});

Deno.test("what cannot be read as a second hello is refused", async () => {
  for (
    const bad of [[22, 3, 3, 0, 4, 16, 0, 0, 0], [22, 3, 3, 0, 5, 1, 0, 0, 1, 9], evil.slice(0, 30)]
  ) {
    const { problem, got } = await afterAnswer(retry, bad);
    assert.deepEqual([problem, got], [{ problem: "retry" }, []]);
  }
});
