import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert/strict";
import { parseQmp, Qmp, QmpError } from "../../../lib/hypervisor/qmp.ts";
import { errorOf, TemporarySocket } from "./temporary_socket.ts";

Deno.test("qmp: greeting, event, answer and error are told apart", () => {
  ok("QMP" in parseQmp('{"QMP": {"version": {}, "capabilities": ["oob"]}}'));
  deepStrictEqual(parseQmp('{"event": "STOP", "timestamp": {"seconds": 1}}'), { event: "STOP" });
  deepStrictEqual(parseQmp('{"return": {}, "id": 3}'), { return: {}, id: 3 });
  deepStrictEqual(parseQmp('{"id": 3, "error": {"class": "GenericError", "desc": "no"}}'), {
    id: 3,
    error: { class: "GenericError", desc: "no" },
  });
});

for (const line of ["220 mail ready", "{}", "[]", '{"id":1}', '{"error":"x"}', "{"]) {
  Deno.test(`qmp: ${line} is not a message`, () => {
    throws(() => parseQmp(line), /something unknown/);
  });
}

const greeting = '{"QMP": {"version": {"qemu": {"major": 10}}, "capabilities": []}}\r\n';

/** A QMP server for one client: `answer` gives the bytes for each command. */
async function serve(
  path: string,
  answer: (command: { execute: string; id: number }) => readonly string[],
): Promise<void> {
  using listener = Deno.listen({ transport: "unix", path });
  using connection = await listener.accept();
  const write = async (text: string) => void await connection.write(new TextEncoder().encode(text));
  await write(greeting);
  const buffer = new Uint8Array(65536);
  let text = "";
  while (true) {
    const count = await connection.read(buffer);
    if (count === null) return;
    const lines = (text + new TextDecoder().decode(buffer.subarray(0, count))).split("\n");
    text = lines.pop() ?? "";
    for (const line of lines) {
      for (const part of answer(JSON.parse(line))) await write(part);
    }
  }
}

/** A client that is connected to such a server. */
async function withQmp(
  answer: (command: { execute: string; id: number }) => readonly string[],
  body: (qmp: Qmp) => Promise<void>,
): Promise<void> {
  await using socket = await TemporarySocket.make();
  const serving = serve(
    socket.path,
    (command) =>
      command.execute === "qmp_capabilities"
        ? [`{"return": {}, "id": ${command.id}}\r\n`]
        : answer(command),
  );
  const connection = await Deno.connect({ transport: "unix", path: socket.path });
  const qmp = await Qmp.open(connection, { timeoutMs: 5000 });
  try {
    await body(qmp);
  } finally {
    qmp.close();
    qmp.close();
    await serving;
  }
}

Deno.test("qmp: answers find their commands in whatever order and pieces they come", async () => {
  const held: string[] = [];
  await withQmp(({ execute, id }) => {
    held.unshift(`{"return": "${execute} é", "id": ${id}}\r\n`);
    if (held.length < 3) return [];
    const text = held.join("");
    return [text.slice(0, 17), text.slice(17, 18), text.slice(18)];
  }, async (qmp) => {
    const answers = await Promise.all(["a", "b", "c"].map((command) => qmp.execute(command)));
    deepStrictEqual(answers, ["a é", "b é", "c é"]);
  });
});

Deno.test("qmp: a refusal carries QEMU's class and words", async () => {
  await withQmp(({ id }) => [
    `{"id": ${id}, "error": {"class": "DeviceNotFound", "desc": "Device 'x' not found"}}\n`,
  ], async (qmp) => {
    const error = await errorOf(qmp.execute("device_del", { id: "x" }));
    ok(error instanceof QmpError);
    strictEqual(error.errorClass, "DeviceNotFound");
    match(error.message, /refused device_del: Device 'x' not found/);
  });
});

Deno.test("qmp: an event that comes before its command's answer is not missed", async () => {
  await withQmp(({ id }) => [
    `{"event": "OTHER", "data": {"device": "a"}}\n{"event": "GONE", "data": {"device": "a"}}\n`,
    `{"return": {}, "id": ${id}}\n`,
  ], async (qmp) => {
    const event = qmp.nextEvent(({ event }) => event === "GONE", { timeoutMs: 5000 });
    await qmp.execute("device_del");
    deepStrictEqual(await event, { event: "GONE", data: { device: "a" } });
  });
});

Deno.test("qmp: no event within the bound is undefined, and so is one that is called off", async () => {
  await withQmp(() => [], async (qmp) => {
    strictEqual(await qmp.nextEvent(() => true, { timeoutMs: 10 }), undefined);
    const stop = new AbortController();
    const event = qmp.nextEvent(() => true, { timeoutMs: 600_000, signal: stop.signal });
    stop.abort();
    strictEqual(await event, undefined);
  });
});

Deno.test("qmp: the end of the connection ends every wait, and later commands at once", async () => {
  await withQmp(() => ["nonsense\n"], async (qmp) => {
    const event = errorOf(qmp.nextEvent(() => true, { timeoutMs: 600_000 }));
    match((await errorOf(qmp.execute("a"))).message, /something unknown/);
    match((await event).message, /something unknown/);
    strictEqual(qmp.hasEnded, true);
    match((await errorOf(qmp.execute("b"))).message, /something unknown/);
  });
});
