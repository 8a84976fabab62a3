import assert from "node:assert/strict";
import { bootedMachine } from "../../../lib/lifecycle/booted_machine.ts";
import type { VmRecord } from "../../../lib/state/record.ts";
import { exampleRecord } from "../support/record.ts";

/** A project whose machine is what its record says. */
class Stage {
  downs = 0;

  constructor(public record: VmRecord | undefined = exampleRecord) {}

  boot({ wasUp = false } = {}) {
    return bootedMachine({ record: exampleRecord, wasUp }, {
      record: () => Promise.resolve(this.record),
      down: () => {
        this.downs++;
        this.record = undefined;
        return Promise.resolve();
      },
    });
  }
}

Deno.test("a machine ends with its scope, also where something is thrown, and once", async () => {
  const stage = new Stage();
  const work = async () => {
    await using machine = stage.boot();
    assert.equal(machine.name, "box");
    assert.equal(stage.downs, 0);
    throw new Error("of the test");
  };
  await assert.rejects(work, /of the test/);
  assert.equal(stage.downs, 1);
  const machine = stage.boot();
  await machine[Symbol.asyncDispose]();
  assert.equal(stage.downs, 1);
});

Deno.test("a machine that was up before a scope, or was booted since, does not end with it", async () => {
  const before = new Stage();
  {
    await using _ = before.boot({ wasUp: true });
  }
  assert.equal(before.downs, 0);
  const since = new Stage();
  {
    await using _ = since.boot();
    since.record = { ...exampleRecord, startedAt: exampleRecord.startedAt + 1 };
  }
  assert.equal(since.downs, 0);
});

Deno.test("what keeps a machine from going down is thrown at the end of its scope", async () => {
  const failing = async () => {
    await using _ = bootedMachine({ record: exampleRecord, wasUp: false }, {
      record: () => Promise.resolve(exampleRecord),
      down: () => Promise.reject(new Error("it stays")),
    });
  };
  await assert.rejects(failing, /it stays/);
});
