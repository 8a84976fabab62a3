import { deepStrictEqual, ok, strictEqual, throws } from "node:assert/strict";
import fc from "fast-check";
import {
  patchRunner,
  readRunner,
  type RunnerChanges,
  writeRunner,
} from "../../../lib/runner/mod.ts";
import { readScript, type RunnerScript, writeScript } from "../../../lib/runner/script.ts";
import { argvOf, fixture, type FixtureName, fixtureText } from "./fixtures.ts";

const representable = (text: string) => !text.includes("\0") && text.isWellFormed();
const argument = fc.oneof(
  fc.string({ unit: "binary" }).filter(representable),
  fc.string({ unit: fc.constantFrom(..."'\"\\$`\n\t !#&*;<>?[]{}()|~=aé😀-") }),
  fc.constantFrom("exec -a b c", "a\nexec b\n", "\n exec $x\n", "-c", "${runtime_args:-}"),
);

Deno.test("any argv survives writing and reading", () => {
  fc.assert(fc.property(fc.array(argument), argument, (argv, processName) => {
    const script: RunnerScript = {
      prelude: "#!/bin/bash\nset -e\n",
      processName,
      program: "/bin/program",
      argv,
      lines: [],
      line: 3,
      source: "test",
    };
    const read = readScript(writeScript(script), "test");
    deepStrictEqual({ ...read, lines: [] }, script);
  }));
});

const host = fc.stringMatching(/^[a-z][a-z0-9]{0,6}$/);
const path = fc.string({ unit: fc.constantFrom(..."ab /,='\"\\$[]é😀") }).map((text) =>
  `/run/${text}x`
);

const changes: fc.Arbitrary<RunnerChanges> = fc.record({
  cpus: fc.integer({ min: 1, max: 64 }),
  memoryMB: fc.integer({ min: 256, max: 65536 }),
  networks: fc.array(
    fc.record({ kind: fc.constant("tap" as const), tap: host }, {
      noNullPrototype: true,
    }),
    { maxLength: 2 },
  ),
  vsockCid: fc.option(fc.integer({ min: 3, max: 99 })),
  apiSocket: path,
  kernelParams: fc.array(fc.stringMatching(/^[a-z.=,/]+$/), { maxLength: 2 }),
  addDisks: fc.uniqueArray(
    fc.record({ path, readonly: fc.boolean(), id: host, serial: host }, {
      noNullPrototype: true,
    }),
    {
      selector: ({ id }) => id,
      maxLength: 3,
    },
  ),
  addShares: fc.uniqueArray(
    fc.record({ tag: host, socket: path, id: host.map((id) => `s-${id}`) }, {
      noNullPrototype: true,
    }),
    {
      selector: ({ id }) => id,
      maxLength: 3,
    },
  ),
  consoleLog: path,
  confined: fc.boolean(),
}, { requiredKeys: [], noNullPrototype: true });

const linuxFixtures: readonly FixtureName[] = ["qemu", "cloud-hypervisor"];

for (const name of linuxFixtures) {
  Deno.test(`${name}: reading what was written equals what was meant`, () => {
    const before = fixture(name);
    fc.assert(fc.property(changes, (wanted) => {
      const after = readRunner(writeRunner(patchRunner(before, wanted)));
      strictEqual(after.cpus, wanted.cpus ?? before.cpus);
      strictEqual(after.memoryMB, wanted.memoryMB ?? before.memoryMB);
      deepStrictEqual(after.networks, wanted.networks ?? before.networks);
      const cid = wanted.vsockCid === undefined ? before.vsockCid : wanted.vsockCid ?? undefined;
      strictEqual(after.vsockCid, cid);
      strictEqual(after.apiSocket, wanted.apiSocket ?? before.apiSocket);
      strictEqual(after.cmdline, [before.cmdline, ...wanted.kernelParams ?? []].join(" "));
      deepStrictEqual(after.disks, [...before.disks, ...wanted.addDisks ?? []]);
      deepStrictEqual(after.shares, [...before.shares, ...wanted.addShares ?? []]);
    }));
  });
}

/** Flags that no hypervisor has, and options that no one knows, in a fixture's own. */
const unknown = fc.array(
  fc.tuple(
    fc.stringMatching(/^--x[a-z]{1,8}$/),
    argument.filter((value) => value !== "" && !value.startsWith("-")),
  ),
  { minLength: 1, maxLength: 4 },
);

for (const name of linuxFixtures) {
  Deno.test(`${name}: unknown arguments survive every change, in their order`, () => {
    const runner = fixture(name);
    fc.assert(fc.property(unknown, changes, (added, wanted) => {
      const words = added.flat();
      const script = { ...runner.script, argv: [...words, ...runner.script.argv] };
      const extended = readRunner(writeScript(script));
      const argv = argvOf(readRunner(writeRunner(patchRunner(extended, wanted))));
      deepStrictEqual(argv.slice(0, words.length), words);
      const known = argvOf(patchRunner(runner, wanted));
      deepStrictEqual(argv.slice(words.length), known);
    }));
  });
}

Deno.test("an argument that no program can be given is refused", () => {
  const runner = fixture("qemu");
  throws(() => writeRunner(patchRunner(runner, { apiSocket: "/a\0b" })), /no program can be given/);
  throws(() => writeRunner(patchRunner(runner, { apiSocket: "/a\ud800" })), /no program/);
});

Deno.test("a runner whose view was changed by hand is not written", () => {
  throws(() => writeRunner({ ...fixture("qemu"), cpus: 3 }), /not read as it was meant/);
});

Deno.test("the shell's own words stay the shell's", () => {
  const text = fixtureText("qemu").replace("-nographic", '-nographic "$EXTRA" $(echo b)');
  const written = writeRunner(patchRunner(readRunner(text), { cpus: 2 }));
  ok(written.includes(' -nographic "$EXTRA" $(echo b) '));
});
