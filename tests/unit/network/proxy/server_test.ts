import assert from "node:assert/strict";
import type { NetworkPolicy } from "../../../../lib/network/policy/policy.ts";
import { readProxyLog } from "../../../../lib/network/proxy/log.ts";
import { textOf } from "../../../../lib/network/proxy/stream.ts";
import {
  type ProxyOptions,
  type ProxyServer,
  serveProxy,
} from "../../../../lib/network/proxy/server.ts";
import { examplePolicy } from "../../support/record.ts";
import { clientHello, madeHello, serverName } from "./hello.ts";

const filtered: NetworkPolicy = {
  ...examplePolicy,
  mode: "filtered",
  domains: ["allowed.test"],
  ports: [80, 443, 22],
  allowPrivate: ["10.9.0.0/16"],
  allowHost: [],
  resolvers: [],
};

const names: Readonly<Record<string, readonly string[]>> = {
  "allowed.test": ["80.0.1.1"],
  "two.allowed.test": ["80.0.1.250", "80.0.1.1"],
  "rebinding.allowed.test": ["127.0.0.1", "192.168.1.1"],
  "mixed.allowed.test": ["10.0.0.1", "80.0.1.1"],
  "inner.allowed.test": ["10.9.0.1"],
};

/** A proxy on its own socket, and one server behind every address; it keeps what it is told. */
class Bench {
  readonly directory = Deno.makeTempDirSync({ prefix: "nixbox-proxy-" });
  readonly socket = `${this.directory}/proxy.sock`;
  readonly log = `${this.directory}/log`;
  readonly dialled: string[] = [];
  readonly asked: string[] = [];
  policy: NetworkPolicy | undefined = filtered;
  /** What the server says to each connection, at once. */
  answer = "";
  /** The proxy, while it runs. */
  server: ProxyServer | undefined;
  /** Awaited before a place is dialled. */
  beforeDial: () => Promise<void> = () => Promise.resolve();
  /** The server reads to the end of the client's bytes, then echoes them. */
  isEcho = false;

  async run(work: (bench: Bench) => Promise<void>, options: Partial<ProxyOptions> = {}) {
    const origin = Deno.listen({ transport: "unix", path: `${this.directory}/origin` });
    const serving = this.#serve(origin);
    const proxy = await serveProxy({
      socket: this.socket,
      log: this.log,
      policy: () => Promise.resolve(this.policy),
      resolve: (name) => Promise.resolve(names[name] ?? []),
      dial: async (address, port) => {
        this.dialled.push(`${address}:${port}`);
        await this.beforeDial();
        if (address === "80.0.1.250") throw new Error("nobody there");
        return await Deno.connect({ transport: "unix", path: `${this.directory}/origin` });
      },
      ...options,
    });
    this.server = proxy;
    try {
      await work(this);
    } finally {
      await proxy.close();
      origin.close();
      await serving;
      await Deno.remove(this.directory, { recursive: true });
    }
  }

  async #serve(origin: Deno.Listener): Promise<void> {
    for await (const connection of origin) {
      const index = this.asked.push("") - 1;
      void this.#answer(connection, index).catch(() => {});
    }
  }

  async #answer(connection: Deno.Conn, index: number): Promise<void> {
    const chunk = new Uint8Array(65536);
    if (this.answer !== "") await connection.write(new TextEncoder().encode(this.answer));
    for (let count = await connection.read(chunk); count !== null;) {
      this.asked[index] += textOf(chunk.subarray(0, count));
      if (this.isEcho) await connection.write(chunk.subarray(0, count));
      count = await connection.read(chunk);
    }
    connection.close();
  }

  async connect(): Promise<Deno.UnixConn> {
    return await Deno.connect({ transport: "unix", path: this.socket });
  }

  /** Sends bytes, ends, and gives all that comes back. */
  async say(...parts: (string | Uint8Array)[]): Promise<string> {
    const connection = await this.connect();
    for (const part of parts) {
      await send(connection, typeof part === "string" ? latin1(part) : part);
    }
    await connection.closeWrite().catch(() => {});
    return await readAll(connection);
  }

  async refusals(): Promise<string[]> {
    const text = await Deno.readTextFile(this.log).catch(() => "");
    return readProxyLog(text).map(({ asked, reason, count, allow }) =>
      `${count} ${asked} ${reason}${allow === undefined ? "" : ` | ${allow}`}`
    );
  }
}

const latin1 = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));

async function send(connection: Deno.Conn, bytes: Uint8Array): Promise<void> {
  for (let rest = bytes; rest.length > 0;) {
    rest = rest.subarray(await connection.write(rest).catch(() => rest.length));
  }
}

async function readAll(connection: Deno.Conn): Promise<string> {
  let text = "";
  const chunk = new Uint8Array(65536);
  try {
    for (let count = await connection.read(chunk); count !== null;) {
      text += textOf(chunk.subarray(0, count));
      count = await connection.read(chunk);
    }
  } catch {
    // Reset: all that came before counts.
  }
  connection.close();
  return text;
}

function proxyTest(
  name: string,
  work: (bench: Bench) => Promise<void>,
  options: Partial<ProxyOptions> = {},
) {
  Deno.test(`proxy: ${name}`, () => new Bench().run(work, options));
}

const connect = (place: string) => `CONNECT ${place} HTTP/1.1\r\nHost: ${place}\r\n\r\n`;
const established = "HTTP/1.1 200 Connection established\r\n\r\n";

proxyTest("a tunnel to an allowed name carries TLS for it, byte for byte", async (bench) => {
  bench.isEcho = true;
  const hello = await clientHello("allowed.test");
  const said = await bench.say(connect("allowed.test:443"), hello, "more");
  assert.ok(said.startsWith(established));
  assert.equal(said.slice(established.length), textOf(hello) + "more");
  assert.deepEqual(bench.dialled, ["80.0.1.1:443"]);
});

proxyTest(
  "TLS for another name than the tunnel's is ended, and nothing of it sent on",
  async (bench) => {
    assert.equal(
      await bench.say(connect("allowed.test:443"), await clientHello("evil.test")),
      established,
    );
    assert.deepEqual(bench.asked, [""]);
    assert.deepEqual(await bench.refusals(), [
      "1 allowed.test:443 TLS in it was for another name, evil.test",
    ]);
  },
);

proxyTest("in a tunnel to 443 nothing passes but TLS with a name", async (bench) => {
  for (const first of ["GET / HTTP/1.1\r\n\r\n", madeHello([]), "\x16\x03\x01"]) {
    assert.equal(await bench.say(connect("allowed.test:443"), first), established);
  }
  assert.deepEqual(bench.asked.join(""), "");
});

proxyTest("a hello in many pieces passes", async (bench) => {
  bench.isEcho = true;
  const hello = madeHello(serverName("allowed.test"), 50);
  const connection = await bench.connect();
  await send(connection, latin1(connect("allowed.test:443")));
  for (const byte of hello) await send(connection, Uint8Array.from([byte]));
  await connection.closeWrite();
  const said = await readAll(connection);
  assert.equal(said.length, established.length + hello.length);
});

proxyTest("with inspect off, and on other ports, a tunnel carries anything", async (bench) => {
  bench.answer = "SSH-2.0-x\r\n";
  assert.equal(await bench.say(connect("allowed.test:22")), `${established}SSH-2.0-x\r\n`);
  bench.policy = { ...filtered, inspect: false };
  assert.equal(await bench.say(connect("allowed.test:443")), `${established}SSH-2.0-x\r\n`);
});

const refusals: readonly (readonly [place: string, status: number, reason: string])[] = [
  [
    "evil.test:443",
    403,
    '1 evil.test:443 not in network.domains | network.domains = [ "evil.test" ];',
  ],
  [
    "allowed.test:8443",
    403,
    "1 allowed.test:8443 a port that is not in network.ports | network.ports = [ 8443 ];",
  ],
  ["80.0.1.1:443", 403, "1 80.0.1.1:443 an address: only names pass here"],
  ["2147483649:443", 403, "1 2147483649:443 an address: only names pass here"],
  ["allowed.test:80", 403, "1 allowed.test:80 a tunnel to port 80, which is for plain requests"],
  [
    "rebinding.allowed.test:443",
    403,
    "1 rebinding.allowed.test:443 an allowed name that leads to a private address | " +
    'network.allowPrivate = [ "its range" ];',
  ],
  ["gone.allowed.test:443", 502, "1 gone.allowed.test:443 the name has no address"],
  [
    "host.nixbox.internal:8080",
    403,
    "1 host.nixbox.internal:8080 a service of this host | network.allowHost = [ 8080 ];",
  ],
];

for (const [place, status, reason] of refusals) {
  proxyTest(`${place} is refused, in words, and noted`, async (bench) => {
    const said = await bench.say(connect(place));
    assert.match(said, new RegExp(`^HTTP/1\\.1 ${status} `));
    assert.match(said, /\r\n\r\nnixbox: .+\n$/);
    assert.deepEqual(bench.dialled, []);
    assert.deepEqual(await bench.refusals(), [reason]);
  });
}

proxyTest("of several addresses the public ones are tried, in their order", async (bench) => {
  bench.answer = "hi";
  assert.equal(await bench.say(connect("two.allowed.test:22")), `${established}hi`);
  assert.equal(await bench.say(connect("mixed.allowed.test:22")), `${established}hi`);
  assert.equal(await bench.say(connect("inner.allowed.test:22")), `${established}hi`);
  assert.deepEqual(bench.dialled, [
    "80.0.1.250:22",
    "80.0.1.1:22",
    "80.0.1.1:22",
    "10.9.0.1:22",
  ]);
});

proxyTest("a port of the host that the config opens is dialled on its loopback", async (bench) => {
  bench.answer = "hi";
  bench.policy = { ...filtered, allowHost: [8080] };
  assert.equal(await bench.say(connect("host.nixbox.internal:8080")), `${established}hi`);
  assert.deepEqual(bench.dialled, ["127.0.0.1:8080"]);
});

const page = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

proxyTest("a plain request is sent on for its server, once", async (bench) => {
  bench.answer = page;
  const second = "GET http://evil.test/ HTTP/1.1\r\nHost: evil.test\r\n\r\n";
  const said = await bench.say(
    "GET http://allowed.test/a HTTP/1.1\r\nHost: allowed.test\r\nProxy-Connection: keep-alive\r\n" +
      "X: \x80\xff\r\n\r\n",
    second,
  );
  assert.equal(said, page);
  assert.deepEqual(bench.asked, [
    "GET /a HTTP/1.1\r\nHost: allowed.test\r\nX: \x80\xff\r\nConnection: close\r\n\r\n",
  ]);
});

proxyTest("of a body as much is sent on as was declared, and nothing after it", async (bench) => {
  bench.answer = page;
  const post = "POST http://allowed.test/ HTTP/1.1\r\n";
  const smuggled = "GET /evil HTTP/1.1\r\nHost: evil.test\r\n\r\n";
  await bench.say(`${post}Content-Length: 5\r\n\r\nhello${smuggled}`);
  await bench.say(
    `${post}Transfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nT: 1\r\n\r\n${smuggled}`,
  );
  const head = "POST / HTTP/1.1\r\nHost: allowed.test\r\n";
  assert.deepEqual(bench.asked, [
    `${head}Content-Length: 5\r\nConnection: close\r\n\r\nhello`,
    `${head}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5\r\nhello\r\n0\r\n\r\n`,
  ]);
});

proxyTest("a body in malformed chunks ends the connection", async (bench) => {
  const post = "POST http://allowed.test/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (
    const body of [
      "x\r\n",
      "5\nhello\r\n0\r\n\r\n",
      "5\r\nhelloX\r\n",
      "-1\r\n",
      "0x5\r\n",
      `${"0".repeat(2000)}\r\n`,
    ]
  ) {
    assert.equal(await bench.say(post + body), "", body);
  }
  assert.ok(bench.asked.every((text) => !text.includes("0\r\n\r\n")));
});

proxyTest("what is malformed is answered with 400, and dials nobody", async (bench) => {
  for (
    const text of ["GET / HTTP/1.1\r\n\r\n", "\0\r\n\r\n", "GET http://a.test/ HTTP/1.1\nX\r\n\r\n"]
  ) {
    assert.match(await bench.say(text), /^HTTP\/1\.1 400 .*\r\n\r\nnixbox: .+\n$/s);
  }
  assert.deepEqual(bench.dialled, []);
});

proxyTest("a head that is too long is refused before its end", async (bench) => {
  const said = await bench.say(`GET http://allowed.test/ HTTP/1.1\r\nX: ${"x".repeat(2000)}`);
  assert.match(said, /^HTTP\/1\.1 431 /);
}, { limits: { headBytes: 1024 } });

proxyTest("a client that does not say what it wants is sent away", async (bench) => {
  const connection = await bench.connect();
  await send(connection, latin1("CONNECT allowed"));
  assert.match(await readAll(connection), /^HTTP\/1\.1 408 /);
}, { limits: { headMs: 50 } });

proxyTest("a tunnel in which no TLS begins is ended", async (bench) => {
  const connection = await bench.connect();
  await send(connection, latin1(connect("allowed.test:443")));
  assert.equal(await readAll(connection), established);
  assert.deepEqual(bench.asked, [""]);
}, { limits: { headMs: 50 } });

proxyTest("a tunnel in which nothing flows is ended", async (bench) => {
  const connection = await bench.connect();
  await send(connection, latin1(connect("allowed.test:22")));
  assert.equal(await readAll(connection), established);
}, { limits: { idleMs: 50 } });

proxyTest("an address that does not answer is given up", async (bench) => {
  assert.match(await bench.say(connect("allowed.test:22")), /^HTTP\/1\.1 502 /);
}, { limits: { dialMs: 20 }, dial: () => new Promise(() => {}) });

proxyTest("of more connections than there may be, the last is told so", async (bench) => {
  const first = await bench.connect();
  await send(first, latin1(connect("allowed.test:22")));
  const chunk = new Uint8Array(established.length);
  await first.read(chunk);
  assert.match(await bench.say(connect("allowed.test:22")), /^HTTP\/1\.1 503 /);
  first.close();
}, { limits: { connections: 1 } });

proxyTest("half-closed connections carry what is left, both ways", async (bench) => {
  bench.isEcho = true;
  const text = "x".repeat(300_000);
  assert.equal(
    (await bench.say(connect("allowed.test:22"), text)).length,
    established.length + text.length,
  );
});

proxyTest("a change of the policy holds from the next connection on", async (bench) => {
  bench.answer = "hi";
  assert.match(await bench.say(connect("new.test:22")), /^HTTP\/1\.1 403 /);
  bench.policy = {
    ...filtered,
    domains: ["allowed.test", "two.allowed.test"],
    denied: ["allowed.test"],
  };
  assert.match(await bench.say(connect("allowed.test:22")), /^HTTP\/1\.1 403 /);
  assert.equal(await bench.say(connect("two.allowed.test:22")), `${established}hi`);
});

proxyTest("what is asked for while a name is taken away goes nowhere", async (bench) => {
  bench.beforeDial = () => {
    bench.server?.drop();
    return Promise.resolve();
  };
  const head = "POST http://allowed.test/ HTTP/1.1\r\nContent-Length: 4\r\n\r\n";
  assert.equal(await bench.say(head, "data"), "");
  bench.beforeDial = () => Promise.resolve();
  bench.answer = "HTTP/1.1 204 No Content\r\n\r\n";
  assert.equal(await bench.say("GET http://allowed.test/ HTTP/1.1\r\n\r\n"), bench.answer);
  // Of the first, the server has heard nothing.
  assert.ok(
    bench.asked.every((text) => text === "" || text.startsWith("GET /")),
    bench.asked.join(),
  );
});

proxyTest("without a policy nothing passes", async (bench) => {
  bench.policy = undefined;
  assert.match(await bench.say(connect("allowed.test:22")), /^HTTP\/1\.1 403 .*nothing passes\n$/s);
  assert.deepEqual(bench.dialled, []);
});

proxyTest("its socket is for its user only", async (bench) => {
  assert.equal(((await Deno.stat(bench.socket)).mode ?? 0) & 0o777, 0o600);
});

proxyTest("of a log that grows the newer half stays", async (bench) => {
  await Deno.writeTextFile(
    bench.log,
    `1 old.test 443 name\n${"1 x.test 443 name\n".repeat(60_000)}`,
  );
  await bench.say(connect("evil.test:443"));
  await bench.say(connect("evil.test:443"));
  const text = await Deno.readTextFile(bench.log);
  assert.ok(
    text.length < 600_000 && text.startsWith("1 x.test") && text.endsWith("evil.test 443 name\n"),
  );
});

proxyTest("no bytes of a client's end it, or make it dial what it must not", async (bench) => {
  const hello = await clientHello("allowed.test");
  const seeds = [
    connect("allowed.test:443") + textOf(hello),
    "POST http://allowed.test/ HTTP/1.1\r\nHost: allowed.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "GET http://allowed.test:80/?q HTTP/1.1\r\nContent-Length: 3\r\nConnection: x\r\n\r\nabc",
  ];
  let seed = 7;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 400; round++) {
    const bytes = latin1(seeds[random(seeds.length)] ?? "");
    for (let change = 1 + random(4); change > 0; change--) {
      bytes[random(bytes.length)] = random(256);
    }
    await bench.say(bytes);
  }
  assert.ok(
    bench.dialled.every((place) => /^80\.0\.1\.(1|250):(80|443|22)$/.test(place)),
    bench.dialled.join(),
  );
  bench.answer = "hi";
  assert.equal(await bench.say(connect("allowed.test:22")), `${established}hi`);
});
