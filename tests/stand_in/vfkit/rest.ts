import type { Machine } from "./arguments.ts";
import type { VirtualMachine } from "./virtual_machine.ts";

/** vfkit's REST service (pkg/rest): its calls, one request a connection as nixbox makes them. */
export function serveRest(listener: Deno.UnixListener, machine: Machine, vm: VirtualMachine): void {
  void (async () => {
    for await (const connection of listener) void answer(connection, machine, vm).catch(() => {});
  })();
}

async function answer(connection: Deno.Conn, machine: Machine, vm: VirtualMachine): Promise<void> {
  const request = await readRequest(connection);
  if (request === undefined) return connection.close();
  const { line, body } = request;
  const reply = async (status: number, value?: unknown) => {
    const text = value === undefined ? "" : JSON.stringify(value);
    const head = `HTTP/1.1 ${status} X\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${text.length}\r\nConnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(head + text));
    connection.close();
  };
  if (line.startsWith("GET /vm/state ")) {
    const isRunning = vm.state === "VirtualMachineStateRunning";
    return await reply(200, {
      state: vm.state,
      canStart: false,
      canPause: isRunning,
      canResume: vm.state === "VirtualMachineStatePaused",
      canStop: isRunning,
      canHardStop: isRunning,
    });
  }
  if (line.startsWith("GET /vm/inspect ")) {
    const { cpus, memoryMB } = machine;
    return await reply(200, { vcpus: cpus, memoryBytes: memoryMB * 1048576, devices: [] });
  }
  if (!line.startsWith("POST /vm/state ")) return await reply(404);
  let wanted: unknown;
  try {
    wanted = JSON.parse(body).state;
  } catch {
    return await reply(400, { error: "invalid character" });
  }
  switch (wanted) {
    case "Stop":
      await vm.pressPowerButton();
      return await reply(202);
    case "HardStop":
      // Its answer is often lost with the process.
      connection.close();
      return vm.kill();
    case "Pause":
    case "Resume":
      if (await vm.change(wanted)) return await reply(202);
      return await reply(500, { error: "Invalid virtual machine state transition" });
    default:
      return await reply(400, { error: `invalid state: ${wanted}` });
  }
}

async function readRequest(
  connection: Deno.Conn,
): Promise<{ line: string; body: string } | undefined> {
  let text = "";
  const chunk = new Uint8Array(4096);
  while (true) {
    const [head = "", body] = text.split("\r\n\r\n");
    const length = Number(/^content-length: (\d+)/im.exec(head)?.[1] ?? 0);
    if (body !== undefined && body.length >= length) {
      return { line: head.split("\r\n")[0] ?? "", body };
    }
    const count = await connection.read(chunk).catch(() => null);
    if (count === null) return undefined;
    text += new TextDecoder().decode(chunk.subarray(0, count));
  }
}
