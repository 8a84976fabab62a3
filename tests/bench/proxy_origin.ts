/** A server of the proxy's bench: tells its port, sends so many bytes, or swallows what comes. */
const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(listener.addr.port);
const block = new Uint8Array(256 * 1024);

/** `send N`: so many bytes; `count N`: reads so many, then says so; `hold`: one byte, then waits. */
async function serve(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(256 * 1024);
  const count = await connection.read(buffer) ?? 0;
  const line = new TextDecoder().decode(buffer.subarray(0, count)).split("\n")[0] ?? "";
  const [word, number] = line.split(" ");
  const total = Number(number);
  if (word === "send") {
    for (let sent = 0; sent < total;) {
      sent += await connection.write(block.subarray(0, Math.min(block.length, total - sent)));
    }
  } else if (word === "count") {
    for (let left = total - (count - line.length - 1); left > 0;) {
      left -= await connection.read(buffer) ?? left;
    }
    await connection.write(block.subarray(0, 1));
  } else {
    await connection.write(block.subarray(0, 1));
    while (await connection.read(buffer) !== null);
  }
  connection.close();
}

for await (const connection of listener) void serve(connection).catch(() => {});
