import assert from "node:assert/strict";
import type { Emit } from "../../../lib/base/progress.ts";
import { guestDirectory } from "../../../lib/lifecycle/machine/run_in_machine.ts";
import { act, type Step, undoAll } from "../../../lib/lifecycle/machine/steps.ts";
import { exampleRecord } from "../support/record.ts";

function recorder(names: readonly string[], failing?: string) {
  const done: string[] = [];
  const steps: Step[] = names.map((name) => ({
    name,
    run: () => {
      done.push(name);
      return name === failing ? Promise.reject(new Error(`${name} failed`)) : Promise.resolve();
    },
    undo: () => {
      done.push(`undo ${name}`);
      return Promise.resolve();
    },
  }));
  return { done, steps };
}

const live = new AbortController().signal;

Deno.test("steps run in order, and nothing is undone when all went well", async () => {
  const { done, steps } = recorder(["a", "b"]);
  await act(steps, () => {}, live);
  assert.deepEqual(done, ["a", "b"]);
});

Deno.test("a failing step undoes itself and all before it, in reverse order", async () => {
  const { done, steps } = recorder(["a", "b", "c"], "b");
  await assert.rejects(act(steps, () => {}, live), /b failed/);
  assert.deepEqual(done, ["a", "b", "undo b", "undo a"]);
});

Deno.test("an undo that fails is told and keeps no other from being done", async () => {
  const { done, steps } = recorder(["a", "b", "c"], "c");
  const broken = steps.map((step) =>
    step.name === "b" ? { ...step, undo: () => Promise.reject(new Error("stuck")) } : step
  );
  const warnings: string[] = [];
  await assert.rejects(act(broken, (event) => {
    if (event.kind === "warning") warnings.push(event.message);
  }, live));
  assert.deepEqual(done, ["a", "b", "c", "undo c", "undo a"]);
  assert.deepEqual(warnings, ['could not undo "b": stuck']);
});

Deno.test("where an undo fails, those by which the machine is forgotten are left out", async () => {
  const { done, steps } = recorder(["record", "slot", "tap", "vmm"]);
  const stuck = steps.map((step) => ({
    ...step,
    ...(step.name === "tap" ? { undo: () => Promise.reject(new Error("stuck")) } : {}),
    forgets: step.name === "record" || step.name === "slot",
  }));
  await undoAll(stuck, () => {});
  assert.deepEqual(done, ["undo vmm"]);
  await undoAll(steps, () => {});
  assert.deepEqual(done, ["undo vmm", "undo vmm", "undo tap", "undo slot", "undo record"]);
});

Deno.test("a step that was done before the others is not told, and is undone", async () => {
  const { done, steps } = recorder(["a", "b"], "b");
  const told: string[] = [];
  const [first, ...others] = steps;
  assert.ok(first !== undefined);
  const emit: Emit = (event) => {
    if (event.kind === "step-started") told.push(event.step);
  };
  await assert.rejects(act([{ name: "a", undo: first.undo }, ...others], emit, live), /b failed/);
  assert.deepEqual([done, told], [["b", "undo b", "undo a"], ["b"]]);
});

Deno.test("an abort between two steps, and a failing finish, undo everything", async () => {
  const controller = new AbortController();
  const { done, steps } = recorder(["a", "b"]);
  const aborting = { ...steps[0], run: () => Promise.resolve(controller.abort(new Error("stop"))) };
  const first = { name: "a", undo: steps[0]?.undo ?? (() => Promise.resolve()), run: aborting.run };
  await assert.rejects(act([first, ...steps.slice(1)], () => {}, controller.signal), /stop/);
  assert.deepEqual(done, ["undo a"]);
  const second = recorder(["x"]);
  const finish = () => Promise.reject(new Error("script"));
  await assert.rejects(act(second.steps, () => {}, live, finish), /script/);
  assert.deepEqual(second.done, ["x", "undo x"]);
});

Deno.test("the guest's directory follows from where the caller stands", () => {
  const at = (directory: string) => guestDirectory(exampleRecord, { directory });
  assert.equal(at("/home/ann/box"), "/home/dev/workspace");
  assert.equal(at("/home/ann/box/src/a b"), "/home/dev/workspace/src/a b");
  assert.equal(at("/home/ann/box/deep/data/x"), "/data/x");
  assert.equal(at("/home/ann/boxes"), "/home/dev");
  assert.equal(at("/etc"), "/home/dev");
  const [first] = exampleRecord.shares;
  assert.ok(first);
  const whole = { ...exampleRecord, shares: [{ ...first, source: "/", target: "/mnt/host" }] };
  assert.equal(guestDirectory(whole, { directory: "/etc/a" }), "/mnt/host/etc/a");
  assert.equal(guestDirectory(whole, { directory: "/" }), "/mnt/host");
});
