/** What the proxy is measured against: Deno passing bytes from a Unix socket to a TCP port, no more. */
const [socket = "", port = ""] = Deno.args;

async function pass(from: Deno.Conn, to: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (let count = await from.read(buffer); count !== null; count = await from.read(buffer)) {
    for (let at = 0; at < count;) at += await to.write(buffer.subarray(at, count));
  }
  await to.closeWrite();
}

for await (const client of Deno.listen({ transport: "unix", path: socket })) {
  void (async () => {
    const server = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    await Promise.all([pass(client, server), pass(server, client)]);
    client.close();
    server.close();
  })().catch(() => {});
}
