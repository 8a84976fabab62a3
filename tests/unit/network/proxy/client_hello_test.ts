import assert from "node:assert/strict";
import {
  type HelloName,
  readHelloName as read,
} from "../../../../lib/network/proxy/client_hello.ts";
import { clientHello, extension, field, madeHello, serverName } from "./hello.ts";

/** What is read, but for how many bytes a whole message has. */
function readHelloName(bytes: Uint8Array): HelloName | { kind: "name"; name: string } {
  const said = read(bytes);
  return said.kind === "name" ? { kind: said.kind, name: said.name } : said;
}

const named = { kind: "name", name: "allowed.test" };
const refused = (problem: string) => ({ kind: "refused", problem });
const other = extension(10, field(2, [0, 29]));

Deno.test("the name is read from what a real TLS client sends", async () => {
  assert.deepEqual(readHelloName(await clientHello("allowed.test")), named);
});

Deno.test("the name is in lower case, wherever it stands among the extensions", () => {
  const extensions = [...other, ...serverName("Allowed.TEST"), ...other];
  assert.deepEqual(readHelloName(madeHello(extensions)), named);
});

Deno.test("a message that is cut anywhere wants more, and says from how many bytes on", () => {
  const hello = madeHello([...other, ...serverName("allowed.test")], 40);
  for (let length = 0; length < hello.length; length++) {
    const said = readHelloName(hello.subarray(0, length));
    assert.equal(said.kind, "more");
    if (said.kind !== "more") continue;
    assert.ok(said.bytes > length && said.bytes <= hello.length, `${length}: ${said.bytes}`);
    // Between here and there, nothing else would be said.
    assert.deepEqual(readHelloName(hello.subarray(0, said.bytes - 1)), said);
  }
  assert.deepEqual(readHelloName(hello), named);
});

Deno.test("what follows the message in its own records is left alone", () => {
  const bytes = Uint8Array.from([...hello, 20, 3, 3, 0, 1, 1]);
  assert.deepEqual(read(bytes), { ...named, bytes: hello.length });
});

Deno.test("a message may come in many records", () => {
  for (const size of [2, 3, 4, 5, 60]) {
    assert.deepEqual(readHelloName(madeHello(serverName("allowed.test"), size)), named, `${size}`);
  }
  const bytewise = readHelloName(madeHello(serverName("allowed.test"), 1));
  assert.deepEqual(bytewise, { kind: "refused", problem: "?unreadable" });
});

const hello = madeHello(serverName("allowed.test"));
const changed = (at: number, value: number) => {
  const bytes = hello.slice();
  bytes[at] = value;
  return bytes;
};
/** The same record with one more byte in it. */
const withinRecord = (bytes: Uint8Array, byte: number) => {
  const longer = Uint8Array.from([...bytes, byte]);
  longer[4] = (longer[4] ?? 0) + 1;
  return longer;
};
const cases: readonly (readonly [what: string, bytes: Uint8Array, problem: string])[] = [
  ["HTTP", new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"), "no-tls"],
  ["SSH", new TextEncoder().encode("SSH-2.0-x\r\n"), "no-tls"],
  ["SSL 2", Uint8Array.from([0x80, 0x2e, 1, 0, 2]), "no-tls"],
  ["another version of records", changed(1, 2), "no-tls"],
  ["another message", changed(5, 2), "?unreadable"],
  ["an empty record", Uint8Array.from([22, 3, 1, 0, 0, ...hello]), "?unreadable"],
  ["a record that is too long", changed(3, 0x41), "?unreadable"],
  ["a message that is too long", changed(6, 1), "?unreadable"],
  ["no name", madeHello(other), "?nameless"],
  [
    "two names",
    madeHello([...serverName("allowed.test"), ...serverName("evil.test")]),
    "?unreadable",
  ],
  [
    "two names in one list",
    madeHello(extension(0, field(2, [0, ...field(2, [97]), 0, ...field(2, [98])]))),
    "?unreadable",
  ],
  [
    "a name of another type",
    madeHello(extension(0, field(2, [1, ...field(2, [97])]))),
    "?unreadable",
  ],
  ["an empty name", madeHello(serverName("")), "?unreadable"],
  ["a name with a NUL", madeHello(serverName("allowed.test\0.evil.test")), "?unreadable"],
  ["a name with a blank", madeHello(serverName("allowed.test ")), "?unreadable"],
  ["a name that is too long", madeHello(serverName("a".repeat(256))), "?unreadable"],
  [
    "bytes after the list",
    madeHello(extension(0, [...field(2, [0, ...field(2, [97])]), 0])),
    "?unreadable",
  ],
  [
    "a hidden second message",
    madeHello([...serverName("allowed.test"), ...extension(0xfe0d, Array<number>(186).fill(0))]),
    "?encrypted",
  ],
  ["more after the message in its record", withinRecord(hello, 22), "?unreadable"],
];

for (const [what, bytes, problem] of cases) {
  Deno.test(`TLS: ${what} is refused`, () => {
    assert.deepEqual(readHelloName(bytes), refused(problem));
  });
}

Deno.test("no bytes are a crash", () => {
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 3000; round++) {
    const bytes = hello.slice(0, 1 + random(hello.length));
    for (let change = random(6); change > 0; change--) bytes[random(bytes.length)] = random(256);
    const { kind } = readHelloName(bytes);
    assert.ok(["name", "more", "refused"].includes(kind));
  }
});
