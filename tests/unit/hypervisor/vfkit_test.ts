/** vfkit's driver against a service that answers as vfkit's documentation and code say it does. */
import assert from "node:assert/strict";
import { vfkitDriver } from "../../../lib/hypervisor/vfkit.ts";
import { errorOf, TemporarySocket } from "./temporary_socket.ts";

/** What the service answers to a call: a status and a value, or `undefined` to hang up. */
type Answer = readonly [status: number, value?: unknown] | undefined;
type Answers = (call: string) => Answer;

/** A service on a socket; keeps the calls that came, each with its body. */
class Service implements AsyncDisposable {
  readonly calls: string[] = [];
  readonly #listener: Deno.UnixListener;
  readonly #serving: Promise<void>;

  constructor(path: string, private readonly answers: Answers) {
    this.#listener = Deno.listen({ transport: "unix", path });
    this.#serving = this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      await this.#answer(connection).catch(() => {});
      connection.close();
    }
  }

  async #answer(connection: Deno.Conn): Promise<void> {
    const buffer = new Uint8Array(4096);
    const count = await connection.read(buffer);
    // The driver's first probe says nothing.
    if (count === null) return;
    const [head = "", body = ""] = new TextDecoder().decode(buffer.subarray(0, count))
      .split("\r\n\r\n");
    const call = `${head.split(" HTTP/")[0]} ${body}`.trim();
    this.calls.push(call);
    const answer = this.answers(call);
    if (answer === undefined) return;
    const [status, value] = answer;
    const text = value === undefined ? "" : JSON.stringify(value);
    const reply = `HTTP/1.1 ${status} X\r\nContent-Length: ${text.length}\r\n\r\n${text}`;
    await connection.write(new TextEncoder().encode(reply));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#serving.catch(() => {});
  }
}

const state = (
  name: string,
): Answer => [200, { state: `VirtualMachineState${name}`, canStop: true }];
const running: Answers = (call) => call === "GET /vm/state" ? state("Running") : undefined;
const soon = { timeoutMs: 10_000 };

Deno.test("vfkit: it is there once its machine runs: before its start, that is stopped", async () => {
  await using socket = await TemporarySocket.make();
  const before = ["Stopped", "Stopped", "Starting"];
  await using service = new Service(socket.path, () => state(before.shift() ?? "Running"));
  const guest = await vfkitDriver.connect(socket.path, soon);
  assert.equal(service.calls.length, 4);
  assert.equal(guest.hotPlug, undefined);
  guest.close();
  guest.close();
});

Deno.test("vfkit: a machine that fails is an error at once, with where to look", async () => {
  await using socket = await TemporarySocket.make();
  await using _service = new Service(socket.path, () => state("Error"));
  const error = await errorOf(vfkitDriver.connect(socket.path, { timeoutMs: 600_000 }));
  assert.match(error.message, /vfkit could not run its machine/);
});

Deno.test("vfkit: one that stays at starting is told, within the bound", async () => {
  await using socket = await TemporarySocket.make();
  await using _service = new Service(socket.path, () => state("Starting"));
  const error = await errorOf(vfkitDriver.connect(socket.path, { timeoutMs: 200 }));
  assert.match(error.message, /vfkit did not start its machine/);
});

const states: readonly (readonly [name: string, state: string])[] = [
  ["Running", "running"],
  ["Pausing", "running"],
  ["Paused", "paused"],
  ["Resuming", "paused"],
  ["Saving", "paused"],
  ["Restoring", "starting"],
  ["Stopping", "stopping"],
  ["Stopped", "stopped"],
  ["Error", "stopped"],
];

for (const [name, known] of states) {
  Deno.test(`vfkit: the state ${name} is known, memory is in MiB`, async () => {
    await using socket = await TemporarySocket.make();
    let now = state("Running");
    await using _service = new Service(
      socket.path,
      (call) => call === "GET /vm/state" ? now : [200, { vcpus: 3, memoryBytes: 1536 * 1048576 }],
    );
    const guest = await vfkitDriver.connect(socket.path, soon);
    now = state(name);
    const info = { state: known, version: "vfkit", cpus: 3, memoryMB: 1536 };
    assert.deepEqual(await guest.info(), info);
  });
}

Deno.test("vfkit: the power button is Stop, which is answered with 202, or 200", async () => {
  for (const status of [202, 200]) {
    await using socket = await TemporarySocket.make();
    await using service = new Service(socket.path, (call) => running(call) ?? [status]);
    await (await vfkitDriver.connect(socket.path, soon)).powerButton();
    assert.equal(service.calls.at(-1), 'POST /vm/state {"state":"Stop"}');
  }
});

Deno.test("vfkit: HardStop takes the answer with it, and that is what was wanted", async () => {
  await using socket = await TemporarySocket.make();
  await using service = new Service(socket.path, running);
  await (await vfkitDriver.connect(socket.path, soon)).kill();
  assert.equal(service.calls.at(-1), 'POST /vm/state {"state":"HardStop"}');
});

const refusals: readonly (readonly [what: string, answer: Answer, says: RegExp])[] = [
  [
    "an invalid transition, with its words",
    [500, { error: "invalid state transition" }],
    /vfkit refused POST \/vm\/state Stop \(500\): invalid state transition/,
  ],
  ["one without words", [500], /\(500\): it gave no reason/],
  ["a bad request", [400, { error: "bad" }], /\(400\): bad/],
  ["no answer to Stop", undefined, /./],
];

for (const [what, answer, says] of refusals) {
  Deno.test(`vfkit: an answer is looked at: ${what}`, async () => {
    await using socket = await TemporarySocket.make();
    await using _service = new Service(socket.path, (call) => running(call) ?? answer);
    const guest = await vfkitDriver.connect(socket.path, soon);
    assert.match((await errorOf(guest.powerButton())).message, says);
  });
}

const strange: readonly (readonly [what: string, answer: Answer, says: RegExp])[] = [
  ["a state that came later", state("Teleporting"), /does not know: .*Teleporting/],
  ["no state", [200, {}], /not as documented/],
  ["another service", [404, { message: "no" }], /vfkit refused GET \/vm\/state \(404\)/],
];

for (const [what, answer, says] of strange) {
  Deno.test(`vfkit: ${what} is an error`, async () => {
    await using socket = await TemporarySocket.make();
    await using _service = new Service(socket.path, () => answer);
    assert.match((await errorOf(vfkitDriver.connect(socket.path, soon))).message, says);
  });
}
