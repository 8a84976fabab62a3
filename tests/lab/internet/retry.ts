/**
 * A TLS server that asks every client for its hello again (RFC 8446, section 4.1.4), and answers for
 * the name in the second one; it goes no further than that.
 */
const retryRequest = [
  ...[0x02, 0, 0, 0x58, 3, 3],
  // The random value that says so.
  ...[
    0xcf,
    0x21,
    0xad,
    0x74,
    0xe5,
    0x9a,
    0x61,
    0x11,
    0xbe,
    0x1d,
    0x8c,
    0x02,
    0x1e,
    0x65,
    0xb8,
    0x91,
  ],
  ...[
    0xc2,
    0xa2,
    0x11,
    0x16,
    0x7a,
    0xbb,
    0x8c,
    0x5e,
    0x07,
    0x9e,
    0x09,
    0xe2,
    0xc8,
    0xa8,
    0x33,
    0x9c,
  ],
  ...[0x20, ...Array<number>(32).fill(8), 0x13, 0x01, 0],
  // Extensions: the version, and the group of the key that is wanted.
  ...[0, 0x10, 0, 43, 0, 2, 3, 4, 0, 51, 0, 2, 0, 23, 0xff, 0x01, 0, 0],
];

/** The names in a client's handshake, one for each hello, as they come: two may come at once. */
async function* helloNames(connection: Deno.Conn): AsyncGenerator<string, undefined> {
  let raw = "";
  let given = 0;
  const space = new Uint8Array(4096);
  while (true) {
    const count = await connection.read(space);
    if (count === null) return;
    raw += String.fromCharCode(...space.subarray(0, count));
    const names = [...raw.matchAll(/[a-z-]+\.test/g)].map(([name]) => name);
    while (given < names.length) yield names[given++] ?? "";
  }
}

export async function serveRetry(hostname: string, tell: (name: string) => void): Promise<void> {
  for await (const connection of Deno.listen({ hostname, port: 443 })) {
    void serve(connection, tell).catch(() => {}).finally(() => connection.close());
  }
}

async function serve(connection: Deno.Conn, tell: (name: string) => void): Promise<void> {
  const names = helloNames(connection);
  if ((await names.next()).done) return;
  const length = retryRequest.length;
  await connection.write(Uint8Array.from([22, 3, 3, length >> 8, length & 255, ...retryRequest]));
  const second = await names.next();
  if (second.done) return;
  tell(second.value);
  const text = new TextEncoder().encode(`answer for ${second.value}`);
  await connection.write(Uint8Array.from([22, 3, 3, 0, text.length, ...text]));
}
